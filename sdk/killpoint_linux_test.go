//go:build amd64 || arm64

package sdk_test

import (
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
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// killpoints stops a process at a named point. What a process leaves behind is what
// its system calls did, so that the entries of those that change a file or speak on
// a connection are all the points there are: whatever it does between two of them
// is as if it had been killed at the second. The kernel hands each of them to this
// process before it is done (seccomp_unotify(2)); nothing in the product knows.
//
// A point is named by what is called and on what: "pwrite64 data segment" lies
// between appending and committing, "fdatasync data segment" before the commit is
// durable, "write caller" between the commit and the word that Sync returned,
// "write broker" before a publish, "read broker" between it and the PUBACK,
// "renameat chains.json.new" in the middle of storing the state of the chains.
type killpoints struct {
	listener       int
	data, identity string
	name           string // of the point to stop at; empty: none
	left           int    // times it is passed, with that one

	mu     sync.Mutex
	seen   map[string]int
	any    int  // calls to the one of Close to stop at; 0: none
	closes bool // Close has begun
}

// closingPoint is the name under which all calls of Close are counted.
const closingPoint = "Close"

// watched are the calls that are points, by number.
var watched = map[int32]string{
	unix.SYS_OPENAT: "openat", unix.SYS_PWRITE64: "pwrite64", unix.SYS_FDATASYNC: "fdatasync", unix.SYS_FSYNC: "fsync",
	unix.SYS_RENAMEAT: "renameat", unix.SYS_RENAMEAT2: "renameat", unix.SYS_LINKAT: "linkat", unix.SYS_UNLINKAT: "unlinkat",
	unix.SYS_MKDIRAT: "mkdirat", unix.SYS_FALLOCATE: "fallocate", unix.SYS_FTRUNCATE: "ftruncate",
	unix.SYS_FCHMOD: "fchmod", unix.SYS_FLOCK: "flock", unix.SYS_WRITE: "write", unix.SYS_READ: "read",
}

// watchKillpoints has every watched call of this process pass a killpoint from now
// on. point is "name#n", to be killed at the nth time, or empty.
func watchKillpoints(point, data, identity string) (*killpoints, error) {
	k := &killpoints{data: data, identity: identity, seen: map[string]int{}}
	if point != "" {
		name, n, _ := strings.Cut(point, "#")
		var err error
		if k.left, err = strconv.Atoi(n); err != nil {
			return nil, err
		}
		k.name = name
	}
	filter := killpointFilter()
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("watch system calls: %w", err)
	}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER|unix.SECCOMP_FILTER_FLAG_TSYNC|unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH,
		uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return nil, fmt.Errorf("watch system calls: %w", errno)
	}
	k.listener = int(fd)
	go k.follow()
	return k, nil
}

// killpointFilter is the program that the kernel runs at each system call (struct
// seccomp_data: the number at 0, the low words of the arguments from 16 on, 8
// bytes each). Reads and writes of 8 bytes are the runtime's own, by which it
// wakes itself, and must not wait for a goroutine; nor may its last words on
// standard error.
func killpointFilter() []unix.SockFilter {
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	skipUnless := func(value uint32, skip uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: value, Jf: skip}
	}
	ret := func(action uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
	}
	f := []unix.SockFilter{load(0)}
	for _, number := range slices.Sorted(maps.Keys(watched)) {
		if number != unix.SYS_READ && number != unix.SYS_WRITE {
			f = append(f, skipUnless(uint32(number), 1), ret(unix.SECCOMP_RET_USER_NOTIF))
			continue
		}
		f = append(f, skipUnless(uint32(number), 7),
			load(16+2*8), skipUnless(8, 1), ret(unix.SECCOMP_RET_ALLOW),
			load(16), skipUnless(2, 1), ret(unix.SECCOMP_RET_ALLOW),
			ret(unix.SECCOMP_RET_USER_NOTIF))
	}
	return append(f, ret(unix.SECCOMP_RET_ALLOW))
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

// follow lets calls go on until the one that is meant. It makes no call that is
// watched itself, but for reading links.
func (k *killpoints) follow() {
	for {
		var c call
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(k.listener), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&c)))
		if errors.Is(errno, unix.EINTR) || errors.Is(errno, unix.ENOENT) { // a signal interrupted the call: it comes again
			continue
		}
		if errno != 0 {
			k.say("error " + errno.Error())
			_ = unix.Kill(os.Getpid(), unix.SIGKILL) // what waits for an answer would wait for ever
		}
		k.pass(&c)
		a := answer{id: c.id, action: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(k.listener), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&a)))
	}
}

func (k *killpoints) pass(c *call) {
	name := k.point(c)
	if name == "" {
		return
	}
	k.mu.Lock()
	k.seen[name]++
	reached := false
	if name == k.name {
		k.left--
		reached = k.left == 0
	}
	if k.closes {
		k.seen[closingPoint]++
		reached = reached || k.seen[closingPoint] == k.any
	}
	k.mu.Unlock()
	if reached {
		k.say("killed " + name)
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		select {} // the call is not answered
	}
}

// closing says that Close begins, to be killed at the nth call from now on; 0: at
// none.
func (k *killpoints) closing(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closes, k.any = true, n
}

// say writes a line to standard output by a call that is not watched.
func (k *killpoints) say(line string) {
	_, _ = unix.Writev(1, [][]byte{[]byte(line + "\n")})
}

// census says how often each point was passed.
func (k *killpoints) census() {
	k.mu.Lock() // what is called with it held is not watched
	defer k.mu.Unlock()
	for name, n := range k.seen {
		k.say("passed " + name + "#" + strconv.Itoa(n))
	}
}

// point names a call; "" for what is none of the pipeline's.
func (k *killpoints) point(c *call) string {
	var object string
	switch c.number {
	case unix.SYS_OPENAT, unix.SYS_UNLINKAT, unix.SYS_MKDIRAT, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT:
		object = k.object(textAt(c.args[1]))
	default:
		path, err := os.Readlink("/proc/self/fd/" + strconv.FormatUint(c.args[0], 10))
		if err != nil {
			return ""
		}
		if object = k.object(path); int32(c.args[0]) == 1 {
			object = "caller"
		}
	}
	if object == "" || c.number == unix.SYS_READ && object != "broker" {
		return ""
	}
	return watched[c.number] + " " + object
}

var (
	segmentName = regexp.MustCompile(`^([a-z])-[0-9a-f]{16}-[0-9a-f]{16}\.seg$`)
	madeUpName  = regexp.MustCompile(`^\.new-`)
)

// object names what a path is.
func (k *killpoints) object(path string) string {
	if strings.HasPrefix(path, "socket:") {
		return "broker"
	}
	base := filepath.Base(path)
	switch {
	case path == k.data:
		return "outbox"
	case filepath.Dir(path) == k.data:
		if m := segmentName.FindStringSubmatch(base); m != nil {
			return map[string]string{"u": "urgent", "d": "data"}[m[1]] + " segment"
		}
	case strings.HasPrefix(path, k.identity):
	default:
		return ""
	}
	switch {
	case strings.HasSuffix(base, ".spare"):
		return "spare"
	case madeUpName.MatchString(base):
		return "new boot record"
	}
	gateway := filepath.Base(k.identity)
	if base == gateway {
		return "identity"
	}
	// Its own device has its name, and the others have it in front.
	return strings.TrimPrefix(strings.Replace(base, gateway+".", "gateway.", 1), gateway+"-")
}

// textAt reads a text that ends in NUL, of this process.
func textAt(address uint64) string {
	const page = 4096
	text := make([]byte, unix.PathMax)
	local := []unix.Iovec{{Base: &text[0]}}
	local[0].SetLen(len(text))
	here := min(len(text), page-int(address%page)) // the next page may not be there
	n, err := unix.ProcessVMReadv(os.Getpid(), local, []unix.RemoteIovec{
		{Base: uintptr(address), Len: here}, {Base: uintptr(address) + uintptr(here), Len: len(text) - here},
	}, 0)
	if err != nil {
		return ""
	}
	name, _, _ := bytes.Cut(text[:n], []byte{0})
	return string(name)
}
