//go:build baremetal && (pico || microbit_v2)

package main

import (
	"machine"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/firmware"
)

// Real boards, through TinyGo's machine package: UART with a receive interrupt
// that fills a buffer, flash, and the chip's random generator. The slot is the
// end of flash.

var (
	began = time.Now()
	line  = machine.DefaultUART
)

func boardInit() { line.Configure(machine.UARTConfig{BaudRate: 115200}) }

func boardRead(p []byte) (n int) {
	for n < len(p) && line.Buffered() > 0 {
		b, err := line.ReadByte()
		if err != nil {
			break
		}
		p[n] = b
		n++
	}
	return n
}

func boardWrite(p []byte) {
	if _, err := line.Write(p); err != nil {
		return // the link sends again what was not acknowledged
	}
}

func boardIdle() { time.Sleep(2 * time.Millisecond) }

func boardHalt() {
	for {
		time.Sleep(time.Second)
	}
}

func boardUptime() uint64 { return uint64(time.Since(began).Milliseconds()) }

func boardSlot() firmware.Slot       { return machine.Flash }
func boardEntropy() firmware.Entropy { return chipEntropy{} }
func boardSeed() uint32              { return 20261122 }

// boardSay has nowhere to say anything: the only UART is the link.
func boardSay(string) {}

// chipEntropy is the chip's generator, if it is one.
type chipEntropy struct{}

func (chipEntropy) Weak() bool { return weakEntropy }

func (chipEntropy) Fill(p []byte) error {
	for i := range p {
		n, err := machine.GetRNG()
		if err != nil {
			return err
		}
		p[i] = byte(n)
	}
	return nil
}

// The soak runs in QEMU and on the host only.
func boardSoak() int     { return 0 }
func boardTicks() uint64 { return 0 }
func boardStack() uint64 { return 0 }

const boardTick = 1
