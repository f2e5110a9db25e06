package agent

import "syscall"

// diskOf returns what the file system of a directory has left.
func diskOf(dir string) DiskStatus {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return DiskStatus{Error: err.Error()}
	}
	size := uint64(s.Bsize)
	return DiskStatus{FreeBytes: s.Bavail * size, TotalBytes: s.Blocks * size, FreeInodes: s.Ffree, TotalInodes: s.Files}
}
