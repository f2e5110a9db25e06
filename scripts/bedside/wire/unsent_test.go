package wire_test

import (
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// unsent returns how much of what was written to a socket its other end has not
// read.
func unsent(t *testing.T, conn syscall.RawConn) int {
	t.Helper()
	n := 0
	var failed error
	err := conn.Control(func(fd uintptr) { n, failed = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return n
}
