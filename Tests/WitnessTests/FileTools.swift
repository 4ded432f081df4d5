import Glibc

/// Removes a file; false when it was not there.
func unlinkIfPresent(_ path: String) -> Bool { unlink(path) == 0 }

func setMode(_ path: String, _ mode: mode_t) { chmod(path, mode) }
