#ifndef SAFEBOX_ENGINE_H
#define SAFEBOX_ENGINE_H
int engine_version(void);
#endif
