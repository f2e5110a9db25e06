package agent

import (
	"syscall"

	"github.com/vitalseal/vitalseal/agent/status"
)

// diskOf returns what the file system of a directory has left.
func diskOf(dir string) status.Disk {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return status.Disk{Error: err.Error()}
	}
	size := uint64(s.Bsize)
	return status.Disk{FreeBytes: s.Bavail * size, TotalBytes: s.Blocks * size, FreeInodes: s.Ffree, TotalInodes: s.Files}
}
