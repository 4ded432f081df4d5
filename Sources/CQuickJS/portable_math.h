// The C library picks other code for sin, pow and their like on a CPU that has fused multiply-add, with other last bits.
// These come from musl's static library, which has one code for all; scripts/setup puts them into libportablem.a under
// these names. What is exact by definition (sqrt, floor, fmod, ...) stays as it is.
#ifndef SAFEBOX_PORTABLE_MATH_H
#define SAFEBOX_PORTABLE_MATH_H

#include <math.h>

#define PORTABLE_UNARY(X) \
  X(acos) X(acosh) X(asin) X(asinh) X(atan) X(atanh) X(cbrt) X(cos) X(cosh) X(exp) X(expm1) X(log) X(log10) X(log1p) \
  X(log2) X(sin) X(sinh) X(tan) X(tanh)
#define PORTABLE_BINARY(X) X(atan2) X(hypot) X(pow)

#define DECLARE_UNARY(name) double portable_##name(double);
#define DECLARE_BINARY(name) double portable_##name(double, double);
PORTABLE_UNARY(DECLARE_UNARY)
PORTABLE_BINARY(DECLARE_BINARY)
#undef DECLARE_UNARY
#undef DECLARE_BINARY

#endif
