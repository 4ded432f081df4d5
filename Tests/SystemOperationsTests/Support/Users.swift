import Glibc

/// Who runs these tests.
let isRoot = geteuid() == 0
