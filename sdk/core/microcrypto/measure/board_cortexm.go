//go:build cortexm

package main

import (
	"device/arm"
	"runtime/volatile"
	"unsafe"
)

// The board lm3s6965evb in QEMU with -icount shift=0, where an instruction takes a
// nanosecond, and SysTick counts periods of the system clock: 5 ns with the
// divider that boardStart sets.
const (
	counting   = true
	resolution = 5

	runModeClock   = 0x400fe060 // RCC
	sysTickControl = 0xe000e010
	sysTickReload  = 0xe000e014
	sysTickCurrent = 0xe000e018

	stackBottom = 0x20000000 // of the board's linker script
	paint       = 0x5ea15ea1
)

func register(address uintptr) *volatile.Register32 {
	return (*volatile.Register32)(unsafe.Pointer(address))
}

func boardStart() {
	for a := uintptr(stackBottom); a < stackPointer()-64; a += 4 {
		register(a).Set(paint)
	}
	register(runModeClock).Set(1 << 22) // divider in use, and 0
	register(sysTickReload).Set(1<<24 - 1)
	register(sysTickCurrent).Set(0)
	register(sysTickControl).Set(5)
}

func stackPointer() uintptr { return arm.AsmFull("mov {}, sp", nil) }

func boardExit() {
	a := uintptr(stackBottom)
	for register(a).Get() == paint {
		a += 4
	}
	println("stack:", stackPointer()-a, "bytes below main")
	arm.SemihostingCall(arm.SemihostingReportException, arm.SemihostingApplicationExit)
}

// instructions begins to count, from the counter that it returns for since: up to
// 80 million. It starts the counter anew, which gains a little when it runs over.
func instructions() uint32 {
	register(sysTickCurrent).Set(0)
	return 0
}

func since(from uint32) uint32 {
	return (from - register(sysTickCurrent).Get()) & (1<<24 - 1) * resolution
}
