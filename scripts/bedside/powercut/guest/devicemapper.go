//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// logged is a block device whose writes device-mapper's target log-writes logs. The
// calls are those of linux/dm-ioctl.h: a struct dm_ioctl, and what belongs to the
// call behind it.
type logged struct {
	control *os.File
	name    string
}

// logWrites makes /dev/dm-0 of size bytes, which is device with its writes logged to
// log.
func logWrites(device, log string, size int64) (*logged, error) {
	control, err := os.OpenFile("/dev/mapper/control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	d := &logged{control: control, name: "logged"}
	spec := unix.DmTargetSpec{Length: uint64(size / 512)}
	copy(spec.Target_type[:], "log-writes")
	table := append(unsafe.Slice((*byte)(unsafe.Pointer(&spec)), unix.SizeofDmTargetSpec), device+" "+log+"\x00"...)
	for len(table)%8 != 0 {
		table = append(table, 0)
	}
	for _, step := range []struct {
		what    string
		call    uintptr
		payload []byte
	}{{"create", unix.DM_DEV_CREATE, nil}, {"load", unix.DM_TABLE_LOAD, table}, {"resume", unix.DM_DEV_SUSPEND, nil}} {
		if err := d.call(step.call, step.payload); err != nil {
			return nil, fmt.Errorf("%s the device of log-writes: %w", step.what, err)
		}
	}
	return d, nil
}

// mark writes a word into the log.
func (d *logged) mark(word string) error {
	message := append(binary.LittleEndian.AppendUint64(nil, 0), "mark "+word+"\x00"...) // to the target at sector 0
	if err := d.call(unix.DM_TARGET_MSG, message); err != nil {
		return fmt.Errorf("mark %q: %w", word, err)
	}
	return nil
}

// remove ends the device, and with it the log.
func (d *logged) remove() error {
	if err := d.call(unix.DM_DEV_REMOVE, nil); err != nil {
		return fmt.Errorf("remove the device of log-writes: %w", err)
	}
	return d.control.Close()
}

func (d *logged) call(number uintptr, payload []byte) error {
	const room = 4096 // for an answer, which nobody reads
	head := unix.DmIoctl{
		Version: [3]uint32{4, 0, 0}, Data_size: uint32(unix.SizeofDmIoctl + len(payload) + room), Data_start: unix.SizeofDmIoctl,
	}
	copy(head.Name[:], d.name)
	if number == unix.DM_TABLE_LOAD {
		head.Target_count = 1
	}
	b := make([]byte, head.Data_size)
	copy(b, unsafe.Slice((*byte)(unsafe.Pointer(&head)), unix.SizeofDmIoctl))
	copy(b[unix.SizeofDmIoctl:], payload)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, d.control.Fd(), number, uintptr(unsafe.Pointer(&b[0]))); errno != 0 {
		return errno
	}
	return nil
}
