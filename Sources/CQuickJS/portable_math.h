// The C library picks other code for sin, pow and their like on a CPU that has fused multiply-add, with other last bits.
// These come from musl's static library, which has one code for all; scripts/setup puts them into libportablem.a under
// these names. What is exact by definition (sqrt, floor, fmod, ...) stays as it is.
#ifndef SAFEBOX_PORTABLE_MATH_H
#define SAFEBOX_PORTABLE_MATH_H

#include <math.h>

double portable_acos(double), portable_acosh(double), portable_asin(double), portable_asinh(double);
double portable_atan(double), portable_atan2(double, double), portable_atanh(double), portable_cbrt(double);
double portable_cos(double), portable_cosh(double), portable_exp(double), portable_expm1(double);
double portable_hypot(double, double), portable_log(double), portable_log10(double), portable_log1p(double);
double portable_log2(double), portable_pow(double, double), portable_sin(double), portable_sinh(double);
double portable_tan(double), portable_tanh(double);

#endif
