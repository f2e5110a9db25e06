//go:build amd64 || arm64

package sdk_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// killpoints stops a child process at a named point. What a process leaves behind is
// what its system calls did, so that the entries of those that change a file or speak
// on a connection are all the points there are: whatever it does between two of them
// is as if it had been killed at the second. The kernel hands each of them to the
// parent before it is done (seccomp_unotify(2)); nothing in the product knows.
//
// A point is named by what is called and on what: "pwrite64 data segment" lies
// between appending and committing, "fdatasync data segment" before the commit is
// durable, "write caller" between the commit and the word that Sync returned,
// "write broker" before a publish, "read broker" between it and the PUBACK,
// "renameat chains.json.new" in the middle of storing the state of the chains.
type killpoints struct {
	child          *os.Process
	data, identity string
	name           string // of the point to stop at; empty: none
	left           int    // times it is passed, with that one
	closing        int    // of the calls after the child's word closingWord; 0: none

	passed map[string]int // by name
	trace  []string       // names in order
	closes bool           // the word was said
	killed string         // the point at which the child was killed; empty: it was not
}

// closingPoint is the name under which all calls after closingWord are counted. The
// child says it on its standard output.
const (
	closingPoint = "Close"
	closingWord  = "closing"
	watchedWord  = "watched" // and the number of the child's descriptor, before all else
)

// watched are the calls that are points, by number.
var watched = map[int32]string{
	unix.SYS_OPENAT: "openat", unix.SYS_PWRITE64: "pwrite64", unix.SYS_FDATASYNC: "fdatasync", unix.SYS_FSYNC: "fsync",
	unix.SYS_RENAMEAT: "renameat", unix.SYS_RENAMEAT2: "renameat", unix.SYS_LINKAT: "linkat", unix.SYS_UNLINKAT: "unlinkat",
	unix.SYS_MKDIRAT: "mkdirat", unix.SYS_FALLOCATE: "fallocate", unix.SYS_FTRUNCATE: "ftruncate",
	unix.SYS_FCHMOD: "fchmod", unix.SYS_FLOCK: "flock", unix.SYS_WRITE: "write", unix.SYS_READ: "read",
}

// beWatched has every watched call of this process wait for its parent from now on.
func beWatched() error {
	load := unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0} // struct seccomp_data: the number is at 0
	filter := []unix.SockFilter{load}
	for _, number := range slices.Sorted(maps.Keys(watched)) {
		filter = append(filter,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(number), Jf: 1},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("watch system calls: %w", err)
	}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER|unix.SECCOMP_FILTER_FLAG_TSYNC|unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH,
		uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return fmt.Errorf("watch system calls: %w", errno)
	}
	_, err := unix.Writev(1, [][]byte{fmt.Appendf(nil, "%s %d\n", watchedWord, fd)}) // which is not watched
	return err
}

// newKillpoints makes the points of a child that is not started. point is "name#n",
// to kill it at the nth time, or empty.
func newKillpoints(point string, closing int, data, identity string) *killpoints {
	k := &killpoints{closing: closing, data: data, identity: identity, passed: map[string]int{}}
	if name, n, ok := strings.Cut(point, "#"); ok {
		k.name = name
		k.left, _ = strconv.Atoi(n) // the caller's own
	}
	return k
}

// start takes over the calls of the child, whose first line of output tells how. The
// returned function waits for the end of the child.
func (k *killpoints) start(child *os.Process, output *bufio.Scanner) (wait func() error, err error) {
	k.child = child
	if !output.Scan() {
		return nil, errors.New("the child is not watched")
	}
	number, ok := strings.CutPrefix(output.Text(), watchedWord+" ")
	theirs, err := strconv.Atoi(number)
	if !ok || err != nil {
		return nil, fmt.Errorf("the child is not watched: %q", output.Text())
	}
	pidfd, err := unix.PidfdOpen(child.Pid, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(pidfd)
	listener, err := unix.PidfdGetfd(pidfd, theirs, 0)
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() {
		ended <- k.follow(listener)
		unix.Close(listener)
	}()
	return func() error { return <-ended }, nil
}

// call is struct seccomp_notif, with the struct seccomp_data in it.
type call struct {
	id     uint64
	pid    uint32
	flags  uint32
	number int32
	arch   uint32
	ip     uint64
	args   [6]uint64
}

// answer is struct seccomp_notif_resp.
type answer struct {
	id     uint64
	value  int64
	errno  int32
	action uint32
}

// follow lets calls go on until the one that is meant, or the end of the child.
func (k *killpoints) follow(listener int) error {
	for {
		ready := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(ready, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		if ready[0].Revents&unix.POLLIN == 0 {
			if ready[0].Revents&unix.POLLHUP != 0 {
				return nil
			}
			continue
		}
		var c call
		if err := control(listener, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&c)); errors.Is(err, unix.ENOENT) {
			continue // a signal interrupted the call: it comes again
		} else if err != nil {
			return err
		}
		if k.pass(&c) {
			if err := k.child.Kill(); err != nil {
				return err
			}
			continue // the call is not answered
		}
		a := answer{id: c.id, action: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		if err := control(listener, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&a)); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
}

func control(fd int, number uintptr, arg unsafe.Pointer) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), number, uintptr(arg))
		if errno == 0 {
			return nil
		}
		if errno != unix.EINTR {
			return errno
		}
	}
}

// pass counts a call and reports whether it is the one to be killed at.
func (k *killpoints) pass(c *call) bool {
	name := k.point(c)
	if name == "" || k.killed != "" {
		return false
	}
	k.passed[name]++
	k.trace = append(k.trace, name)
	reached := false
	if name == k.name {
		k.left--
		reached = k.left == 0
	}
	if k.closes {
		k.passed[closingPoint]++
		reached = reached || k.passed[closingPoint] == k.closing
	}
	if reached {
		k.killed = name
	}
	return reached
}

// point names a call; "" for what is none of the pipeline's.
func (k *killpoints) point(c *call) string {
	var object string
	switch c.number {
	case unix.SYS_OPENAT, unix.SYS_UNLINKAT, unix.SYS_MKDIRAT, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT:
		name, _, _ := bytes.Cut(k.textAt(c.args[1]), []byte{0})
		object = k.object(string(name))
	case unix.SYS_READ, unix.SYS_WRITE:
		if c.number == unix.SYS_WRITE && c.args[0] == 1 {
			if bytes.HasPrefix(k.textAt(c.args[1]), []byte(closingWord)) {
				k.closes = true
				return ""
			}
			return "write caller"
		}
		if object = k.object(k.descriptor(c.args[0])); c.number == unix.SYS_READ && object != "broker" {
			return ""
		}
	default:
		object = k.object(k.descriptor(c.args[0]))
	}
	if object == "" {
		return ""
	}
	return watched[c.number] + " " + object
}

// descriptor returns what one of the child's leads to; "" if it has gone.
func (k *killpoints) descriptor(n uint64) string {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", k.child.Pid, n))
	if err != nil {
		return ""
	}
	return path
}

var segmentName = regexp.MustCompile(`^([ud])-[0-9a-f]{16}-[0-9a-f]{16}\.seg$`)

// object names what a path is.
func (k *killpoints) object(path string) string {
	base, gateway := filepath.Base(path), filepath.Base(k.identity)
	inside := filepath.Dir(path) == k.data
	switch {
	case strings.HasPrefix(path, "socket:"):
		return "broker"
	case path == k.data:
		return "outbox"
	case path == filepath.Dir(k.data):
		return "folder of the outbox"
	case inside && segmentName.MatchString(base):
		return map[byte]string{'u': "urgent", 'd': "data"}[base[0]] + " segment"
	case inside && strings.HasSuffix(base, ".spare"):
		return "spare"
	case inside:
		return base
	case !strings.HasPrefix(path, k.identity):
		return ""
	case strings.HasPrefix(base, ".new-"):
		return "new boot record"
	}
	// Its own device has its name, and the others have it in front.
	return strings.TrimPrefix(strings.Replace(base, gateway+".", "gateway.", 1), gateway+"-")
}

// textAt reads of the child's memory what may be a text.
func (k *killpoints) textAt(address uint64) []byte {
	const page = 4096
	text := make([]byte, unix.PathMax)
	local := []unix.Iovec{{Base: &text[0]}}
	local[0].SetLen(len(text))
	here := min(len(text), page-int(address%page)) // the next page may not be there
	n, err := unix.ProcessVMReadv(k.child.Pid, local, []unix.RemoteIovec{
		{Base: uintptr(address), Len: here}, {Base: uintptr(address) + uintptr(here), Len: len(text) - here},
	}, 0)
	if err != nil {
		return nil
	}
	return text[:n]
}
