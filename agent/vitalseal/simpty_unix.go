//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// ptyPlace is a pseudo-terminal: the device holds one end, and whoever opens the
// other finds a serial port. Its speed and parity are of no effect.
type ptyPlace struct {
	device *os.File
	link   string
}

// openPTY makes a pseudo-terminal in raw mode, and a link to it.
func openPTY(link string) (place, error) {
	if err := removeDangling(link); err != nil {
		return nil, err
	}
	master, slave, err := pty.Open()
	if err != nil {
		return nil, fmt.Errorf("open a pseudo-terminal: %w", err)
	}
	defer master.Close()
	_, err = term.MakeRaw(int(slave.Fd())) // for a host that sets nothing
	name := slave.Name()
	// Without this end open the device can tell whether a host is there.
	if err = errors.Join(err, slave.Close()); err != nil {
		return nil, fmt.Errorf("set up a pseudo-terminal: %w", err)
	}
	device, err := polled(master)
	if err != nil {
		return nil, fmt.Errorf("set up a pseudo-terminal: %w", err)
	}
	if err := os.Symlink(name, link); err != nil {
		return nil, errors.Join(err, device.Close())
	}
	return &ptyPlace{device, link}, nil
}

// removeDangling removes a link that a killed simulation left behind. One that
// leads somewhere may be another simulation's.
func removeDangling(link string) error {
	info, err := os.Lstat(link)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = os.Stat(link)
	if info.Mode().Type() == fs.ModeSymlink && errors.Is(err, fs.ErrNotExist) {
		return os.Remove(link)
	}
	return &hinted{fmt.Errorf("%q is there already", link), "choose another name, or remove it if no other simulation is running"}
}

// polled returns a second descriptor of f that can be given a deadline, which
// package pty takes from the one that it opens.
func polled(f *os.File) (*os.File, error) {
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(fd)
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(err, syscall.Close(fd))
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

func (p *ptyPlace) port() string { return p.link }

func (p *ptyPlace) close() error {
	err := p.device.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	return errors.Join(os.Remove(p.link), err)
}

// How long to listen before it is believed that a host is there, and between two
// looks while none is.
const (
	ptyListen = 2 * time.Millisecond
	ptyLook   = 20 * time.Millisecond
)

// serve reads. That fails while no host has the other end open; it waits while one
// has and says nothing.
func (p *ptyPlace) serve(ctx context.Context, d *simulated) error {
	defer context.AfterFunc(ctx, func() { _ = p.device.Close() })() // which wakes Read
	look := time.NewTicker(ptyLook)
	defer look.Stop()
	buf := make([]byte, piece)
	there := false
	for {
		if err := p.device.SetReadDeadline(p.deadline(there)); err != nil && ctx.Err() == nil {
			return fmt.Errorf("pseudo-terminal %q: %w", p.link, err)
		}
		n, err := p.device.Read(buf)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil || errors.Is(err, os.ErrDeadlineExceeded):
			if !there {
				there = d.plug(wire{p.device})
			}
			d.hear(buf[:n])
		case errors.Is(err, syscall.EIO):
			d.unplug()
			there = false
			select {
			case <-look.C:
			case <-ctx.Done():
			}
		default:
			return fmt.Errorf("pseudo-terminal %q: %w", p.link, err)
		}
	}
}

func (p *ptyPlace) deadline(there bool) time.Time {
	if there {
		return time.Time{}
	}
	return time.Now().Add(ptyListen)
}
