#ifndef SAFEBOX_JAIL_H
#define SAFEBOX_JAIL_H
int jail_version(void);
#endif
