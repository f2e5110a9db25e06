//go:build baremetal && qemu

package main

import (
	"device/arm"
	"errors"
	"unsafe"

	"github.com/vitalseal/vitalseal/firmware-bridge/firmware"
)

// QEMU's boards have neither flash that outlives a run nor a random generator.
// Arm semihosting gives them files of the host in their place: the file that the
// command line names is flash, /dev/urandom is entropy.
//
//	-semihosting-config enable=on,target=native,arg=sensor.flash[,arg=soak,arg=5000]

var (
	errHost = errors.New("semihosting: the host does not do it")

	call [3]uintptr // a semihosting call's arguments
	args [256]byte

	hostFlash  = fileFlash{file: -1}
	hostRandom = -1
	hostSoak   int // messages
)

const (
	openRead  = 1 // "rb"
	openWrite = 3 // "r+b"
)

func host(operation int, a, b, c uintptr) int {
	call = [3]uintptr{a, b, c}
	return arm.SemihostingCall(operation, uintptr(unsafe.Pointer(&call)))
}

func address(p []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(p))) }

// hostOpen opens a file, whose name ends with a zero.
func hostOpen(name []byte, mode uintptr) int {
	return host(arm.SemihostingOpen, address(name), mode, uintptr(len(name)-1))
}

// hostRead fills p from a file.
func hostRead(file int, p []byte) error {
	if host(arm.SemihostingRead, uintptr(file), address(p), uintptr(len(p))) != 0 {
		return errHost
	}
	return nil
}

// hostInit reads the command line: the file that is flash, and what to do.
func hostInit() {
	if host(arm.SemihostingGetCmdline, address(args[:]), uintptr(len(args)), 0) != 0 {
		return
	}
	end, number := 0, 0
	for end < len(args)-1 && args[end] != 0 && args[end] != ' ' {
		end++
	}
	for i := end; i < len(args) && args[i] != 0; i++ {
		if c := args[i]; c >= '0' && c <= '9' {
			number = 10*number + int(c-'0')
		}
	}
	args[end] = 0
	hostSoak = number
	hostFlash.file = hostOpen(args[:end+1], openWrite)
	hostFlash.fill()
	name := append(args[end+1:end+1], "/dev/urandom\x00"...)
	hostRandom = hostOpen(name, openRead)
}

func hostExit() {
	for {
		arm.SemihostingCall(arm.SemihostingReportException, arm.SemihostingApplicationExit)
	}
}

// hostEntropy reads the host's generator. That the host is an emulator's, and so
// not the board's, every anchor says.
type hostEntropy struct{}

func (hostEntropy) Weak() bool { return true }

func (hostEntropy) Fill(p []byte) error {
	if hostRandom < 0 {
		return errHost
	}
	return hostRead(hostRandom, p)
}

// fileFlash is a file of the host that behaves like NOR flash with the block
// sizes of the LM3S6965.
type fileFlash struct {
	file int
	buf  [256]byte
}

const (
	flashWrite = 4
	flashErase = 1024
)

func (f *fileFlash) Size() int64           { return firmware.SlotSize(flashWrite, flashErase) }
func (f *fileFlash) WriteBlockSize() int64 { return flashWrite }
func (f *fileFlash) EraseBlockSize() int64 { return flashErase }

// fill makes a file that is too short, such as a provisioning image, as long as
// flash: erased.
func (f *fileFlash) fill() {
	if f.file < 0 {
		return
	}
	for at := host(arm.SemihostingFileLen, uintptr(f.file), 0, 0); at >= 0 && at < int(f.Size()); at++ {
		f.buf[0] = 0xff
		if f.put(f.buf[:1], int64(at)) != nil {
			return
		}
	}
}

func (f *fileFlash) seek(off int64) bool {
	return f.file >= 0 && host(arm.SemihostingSeek, uintptr(f.file), uintptr(off), 0) == 0
}

func (f *fileFlash) put(p []byte, off int64) error {
	if !f.seek(off) || host(arm.SemihostingWrite, uintptr(f.file), address(p), uintptr(len(p))) != 0 {
		return errHost
	}
	return nil
}

func (f *fileFlash) ReadAt(p []byte, off int64) (int, error) {
	if !f.seek(off) {
		return 0, errHost
	}
	return len(p), hostRead(f.file, p)
}

func (f *fileFlash) WriteAt(p []byte, off int64) (int, error) {
	was := f.buf[:len(p)]
	if _, err := f.ReadAt(was, off); err != nil {
		return 0, err
	}
	for i := range was {
		was[i] &= p[i]
	}
	return len(p), f.put(was, off)
}

func (f *fileFlash) EraseBlocks(start, n int64) error {
	for i := range f.buf {
		f.buf[i] = 0xff
	}
	for at := start * flashErase; at < (start+n)*flashErase; at += int64(len(f.buf)) {
		if err := f.put(f.buf[:], at); err != nil {
			return err
		}
	}
	return nil
}
