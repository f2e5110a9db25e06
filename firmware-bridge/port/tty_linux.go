package port

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"go.bug.st/serial"
	"golang.org/x/sys/unix"
)

var errBusy = errors.New("another program has it open")

// tty is an open terminal: two descriptors of one line, see the package doc.
type tty struct {
	*os.File             // reads and writes
	settings serial.Port // holds line settings and exclusive access; never read or written

	once sync.Once
	err  error
}

// openTTY opens the terminal that name leads to, in raw mode and for ourselves
// alone. Bytes that arrived before raw mode are thrown away: the terminal may
// have altered them.
func openTTY(name string, line Line) (stream, error) {
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		return nil, explain(name, err)
	}
	f, err := openFile(target)
	if err != nil {
		return nil, explain(name, err)
	}
	settings, err := configure(f, target, line)
	if err != nil {
		f.Close()
		return nil, explain(name, err)
	}
	return &tty{File: f, settings: settings}, nil
}

// openFile opens a character device and claims it. It looks before it opens,
// because opening a tape drive or a pipe by mistake can do harm.
func openFile(target string) (*os.File, error) {
	info, err := os.Stat(target)
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeCharDevice == 0 {
		return nil, errors.New("not a character device")
	}
	f, err := os.OpenFile(target, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.EBUSY) {
		return nil, errBusy
	}
	if err != nil {
		return nil, err
	}
	if err := claim(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// claim fails when somebody else has the line for himself: by TIOCEXCL, which
// does not stop an open by root, or by flock, which stops nobody who does not
// ask. Our own TIOCEXCL comes with the line settings.
func claim(f *os.File) error {
	return control(f, func(fd int) error {
		exclusive, err := unix.IoctlGetInt(fd, unix.TIOCGEXCL)
		if err != nil {
			return errors.New("not a serial port")
		}
		if exclusive != 0 {
			return errBusy
		}
		err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) {
			return errBusy
		}
		return err
	})
}

// configure sets the line through the serial library and checks what the driver
// made of it.
func configure(f *os.File, target string, line Line) (serial.Port, error) {
	settings, err := serial.Open(target, mode(line))
	if err != nil {
		return nil, fmt.Errorf("cannot set %v: %w", line, err)
	}
	err = control(f, func(fd int) error { return checkSpeed(fd, line.Baud) })
	if err == nil {
		err = settings.ResetInputBuffer()
	}
	if err != nil {
		settings.Close()
		return nil, err
	}
	return settings, nil
}

func mode(line Line) *serial.Mode {
	m := &serial.Mode{BaudRate: line.Baud, DataBits: line.DataBits}
	switch line.Parity {
	case 'E':
		m.Parity = serial.EvenParity
	case 'O':
		m.Parity = serial.OddParity
	}
	if line.StopBits == 2 {
		m.StopBits = serial.TwoStopBits
	}
	return m
}

// checkSpeed asks for the rate that the driver really set. Drivers round to what
// their clock divides to, and not all of them say so; beyond 3 % a receiver
// misses the last bits of a character.
func checkSpeed(fd, baud int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS2)
	if err != nil {
		return fmt.Errorf("cannot read back the line settings: %w", err)
	}
	got := int(t.Ospeed)
	if off := got - baud; 100*off > 3*baud || -100*off > 3*baud {
		return fmt.Errorf("the adapter cannot do %d baud, the nearest is %d", baud, got)
	}
	return nil
}

// Close ends blocked reads and writes. Output that nobody takes is dropped
// first: otherwise the kernel waits up to 30 seconds for it.
func (t *tty) Close() error {
	t.once.Do(func() {
		t.settings.ResetOutputBuffer()
		t.settings.Close()
		t.err = t.File.Close()
	})
	return t.err
}

// control calls fn with the descriptor. Not f.Fd, which may take the file out of
// the runtime's poller.
func control(f *os.File, fn func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = fn(int(fd)) }); err != nil {
		return err
	}
	return failed
}
