package main

import "syscall"

// freeSpace returns how many bytes this user may still write in a directory.
func freeSpace(dir string) (free uint64, known bool, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false, err
	}
	return s.Bavail * uint64(s.Bsize), true, nil
}

// What adjtimex(2) returns, or sets in the status, when nothing keeps the clock
// in step: TIME_ERROR and STA_UNSYNC of linux/timex.h.
const (
	timeError    = 5
	unsyncStatus = 0x40
)

// clockInStep reports whether something keeps the clock in step.
func clockInStep() (inStep, known bool) {
	var t syscall.Timex
	state, err := syscall.Adjtimex(&t)
	return state != timeError && t.Status&unsyncStatus == 0, err == nil
}
