//go:build !linux

package agent

// diskOf knows nothing on this system.
func diskOf(string) DiskStatus { return DiskStatus{} }
