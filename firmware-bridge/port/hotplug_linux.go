package port

import (
	"bytes"
	"os"

	"golang.org/x/sys/unix"
)

// hotplug returns a channel that has something whenever the kernel says that a
// terminal came or went, and a function that ends it. The channel is nil where
// the kernel does not say, in a container without the right: then the ports are
// polled, as they always are beside.
//
// The kernel's own messages (group 1) and not udev's: they come without udev,
// and what is missed is found by polling, so that nothing depends on them.
func hotplug() (<-chan struct{}, func()) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, func() {}
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1}); err != nil {
		unix.Close(fd)
		return nil, func() {}
	}
	f := os.NewFile(uintptr(fd), "uevent") // the runtime polls it, and Close ends a Read
	changes := make(chan struct{}, 1)
	go func() {
		buf := make([]byte, 8192)
		for {
			n, err := f.Read(buf)
			if err != nil && !overrun(err) {
				return // closed
			}
			if err != nil || isTerminal(buf[:n]) {
				select {
				case changes <- struct{}{}:
				default:
				}
			}
		}
	}()
	return changes, func() { f.Close() }
}

// overrun: messages were lost because more came than the socket holds, and one
// of them may have been ours.
func overrun(err error) bool {
	pe, ok := err.(*os.PathError)
	return ok && pe.Err == unix.ENOBUFS
}

// isTerminal reads "add@/devices/...\0ACTION=add\0SUBSYSTEM=tty\0...".
func isTerminal(message []byte) bool {
	for field := range bytes.SplitSeq(message, []byte{0}) {
		if string(field) == "SUBSYSTEM=tty" {
			return true
		}
	}
	return false
}
