//go:build !baremetal

package main

import (
	"crypto/rand"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/firmware"
)

// On the host the line is a socket or a terminal, and flash a file: the same
// program, where no TinyGo is installed.

const (
	boardName = "host"
	boardTick = 1
)

var (
	began   = time.Now()
	options struct {
		flash, listen string
		seed          uint
		soak          int
	}
	flash *os.File
	lines = make(chan net.Conn)
	line  net.Conn
	in    = make(chan []byte, 64)
	rest  []byte
)

func boardInit() {
	flag.StringVar(&options.flash, "flash", "sensor.flash", "file that is flash: the provisioning image at first")
	flag.StringVar(&options.listen, "listen", "unix:sensor.sock", "the line: unix:PATH or tcp:HOST:PORT to listen at, or a terminal's path")
	flag.UintVar(&options.seed, "seed", 20261122, "of the patient")
	flag.IntVar(&options.soak, "soak", 0, "seal this many messages as fast as the gateway takes them, and end")
	flag.Parse()
	if err := openBoard(); err != nil {
		fmt.Fprintln(os.Stderr, "sensor: error:", err)
		os.Exit(1)
	}
}

func openBoard() (err error) {
	flash, err = os.OpenFile(options.flash, os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("flash: %w", err)
	}
	if err := fillFlash(); err != nil {
		return fmt.Errorf("flash: %w", err)
	}
	network, address, ok := strings.Cut(options.listen, ":")
	if !ok || network != "unix" && network != "tcp" {
		tty, err := os.OpenFile(options.listen, os.O_RDWR, 0)
		if err == nil {
			go func() { lines <- terminal{File: tty} }()
		}
		return err
	}
	if network == "unix" {
		if err := os.Remove(address); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	listener, err := net.Listen(network, address)
	if err == nil {
		go accept(listener)
	}
	return err
}

func accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, "sensor: error:", err)
			os.Exit(1)
		}
		lines <- conn
	}
}

// terminal is a line that nobody connects to.
type terminal struct {
	net.Conn
	*os.File
}

func (t terminal) Read(p []byte) (int, error)        { return t.File.Read(p) }
func (t terminal) Write(p []byte) (int, error)       { return t.File.Write(p) }
func (t terminal) Close() error                      { return t.File.Close() }
func (t terminal) SetDeadline(d time.Time) error     { return t.File.SetDeadline(d) }
func (t terminal) SetReadDeadline(d time.Time) error { return t.File.SetReadDeadline(d) }
func (t terminal) SetWriteDeadline(d time.Time) error {
	return t.File.SetWriteDeadline(d)
}

// receive hands on what comes over a line, as an interrupt would.
func receive(conn net.Conn) {
	for {
		p := make([]byte, 256)
		n, err := conn.Read(p)
		if n > 0 {
			in <- p[:n]
		}
		if err != nil {
			return
		}
	}
}

func boardRead(p []byte) int {
	if len(rest) == 0 {
		select {
		case rest = <-in:
		default:
			return 0
		}
	}
	n := copy(p, rest)
	rest = rest[n:]
	return n
}

// boardWrite writes to whoever is connected; nobody is like a cable that is not
// plugged in.
func boardWrite(p []byte) {
	if line == nil || len(p) == 0 {
		return
	}
	if _, err := line.Write(p); err != nil {
		line.Close()
		line = nil
	}
}

func boardIdle() {
	timer := time.NewTimer(10 * time.Millisecond)
	defer timer.Stop()
	if len(rest) > 0 {
		return
	}
	select {
	case conn := <-lines:
		if line != nil {
			line.Close()
		}
		line = conn
		go receive(conn)
	case rest = <-in:
	case <-timer.C:
	}
}

func boardUptime() uint64 { return uint64(time.Since(began).Milliseconds()) }
func boardTicks() uint64  { return uint64(time.Since(began).Nanoseconds()) }
func boardStack() uint64  { return 0 }
func boardSay(s string)   { fmt.Println(s) }
func boardHalt()          { os.Exit(0) }
func boardSeed() uint32   { return uint32(options.seed) }
func boardSoak() int      { return options.soak }

func boardSlot() firmware.Slot       { return fileFlash{} }
func boardEntropy() firmware.Entropy { return hostEntropy{} }

type hostEntropy struct{}

func (hostEntropy) Weak() bool          { return false }
func (hostEntropy) Fill(p []byte) error { _, err := rand.Read(p); return err }

// fileFlash is the file in the place of NOR flash, with the block sizes of the
// LM3S6965, so that one file serves both.
type fileFlash struct{}

const (
	flashWrite = 4
	flashErase = 1024
)

func (fileFlash) Size() int64           { return firmware.SlotSize(flashWrite, flashErase) }
func (fileFlash) WriteBlockSize() int64 { return flashWrite }
func (fileFlash) EraseBlockSize() int64 { return flashErase }

// fillFlash makes a file that is too short, such as a provisioning image, as long
// as flash: erased.
func fillFlash() error {
	info, err := flash.Stat()
	if err != nil {
		return err
	}
	for at := info.Size(); at < (fileFlash{}).Size(); at++ {
		if _, err := flash.WriteAt([]byte{0xff}, at); err != nil {
			return err
		}
	}
	return flash.Sync()
}

func (fileFlash) ReadAt(p []byte, off int64) (int, error) { return flash.ReadAt(p, off) }

func (fileFlash) WriteAt(p []byte, off int64) (int, error) {
	was := make([]byte, len(p))
	if _, err := flash.ReadAt(was, off); err != nil {
		return 0, err
	}
	for i := range was {
		was[i] &= p[i]
	}
	if _, err := flash.WriteAt(was, off); err != nil {
		return 0, err
	}
	return len(p), flash.Sync()
}

func (fileFlash) EraseBlocks(start, n int64) error {
	blank := make([]byte, n*flashErase)
	for i := range blank {
		blank[i] = 0xff
	}
	if _, err := flash.WriteAt(blank, start*flashErase); err != nil {
		return err
	}
	return flash.Sync()
}
