//go:build !linux

package main

// freeSpace is not known on this system.
func freeSpace(string) (free uint64, known bool, err error) { return 0, false, nil }

// clockInStep is not known on this system.
func clockInStep() (inStep, known bool) { return false, false }
