#ifndef CTPM_H
#define CTPM_H
#endif
