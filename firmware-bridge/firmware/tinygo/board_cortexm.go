//go:build baremetal && qemu

package main

import (
	"device/arm"
	"runtime/volatile"
	"unsafe"

	"github.com/vitalseal/vitalseal/firmware-bridge/firmware"
)

// What QEMU's two boards share: the clock is SysTick, with an interrupt each
// 10 ms, and the host gives flash and entropy through semihosting.

const tickEvery = clockHz / 100 // cycles

var ticked volatile.Register32 // times 10 ms

//export SysTick_Handler
func sysTick() { ticked.Set(ticked.Get() + 1) }

func boardInit() {
	paintStack()
	arm.SYST.SYST_RVR.Set(tickEvery - 1)
	arm.SYST.SYST_CVR.Set(0)
	arm.SYST.SYST_CSR.Set(7) // processor clock, interrupt, on
	uartInit()
	hostInit()
}

// boardTicks returns the cycles since the start. Run with -icount shift=0, an
// instruction takes a nanosecond of the board's time.
func boardTicks() uint64 {
	for {
		n := ticked.Get()
		left := arm.SYST.SYST_CVR.Get()
		if n == ticked.Get() {
			return uint64(n)*tickEvery + uint64(tickEvery-1-left)
		}
	}
}

func boardUptime() uint64 { return boardTicks() / (clockHz / 1000) }

// boardIdle waits for an interrupt, 10 ms at the most.
func boardIdle() {
	if !uartReadable() {
		arm.Asm("wfi")
	}
}

func boardHalt() { hostExit() }

func boardSlot() firmware.Slot       { return &hostFlash }
func boardEntropy() firmware.Entropy { return hostEntropy{} }
func boardSoak() int                 { return hostSoak }
func boardSeed() uint32              { return 20261122 }

func boardSay(text string) {
	for i := range len(text) {
		consoleWrite(text[i])
	}
	consoleWrite('\n')
}

// The stack lies at the start of RAM, below everything else. What main has not
// used yet is painted, so that its deepest use can be told at the end.

//go:extern _stack_top
var stackTop [0]byte

const (
	ramStart = 0x20000000
	paint    = 0x5ea15ea1
	margin   = 256 // of what main and paintStack themselves are using
)

func paintStack() {
	for at := uintptr(ramStart); at < arm.AsmFull("mov {}, sp", nil)-margin; at += 4 {
		*(*uint32)(unsafe.Pointer(at)) = paint
	}
}

// boardStack returns the bytes of stack used so far at the most.
func boardStack() uintptr {
	at := uintptr(ramStart)
	for *(*uint32)(unsafe.Pointer(at)) == paint {
		at += 4
	}
	return uintptr(unsafe.Pointer(&stackTop)) - at
}
