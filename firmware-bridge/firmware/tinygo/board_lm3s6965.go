//go:build baremetal && qemu && !mps2

package main

import (
	"runtime/volatile"
	"unsafe"
)

// The Stellaris LM3S6965 evaluation board: a Cortex-M3 with 256 KiB of flash and
// 64 KiB of RAM. UART0 is the console, UART1 the link; both are PL011.

const (
	boardName = "lm3s6965"
	clockHz   = 12_500_000
	boardTick = 1_000_000_000 / clockHz // instructions in a cycle, with -icount shift=0

	uart0 = 0x4000c000
	uart1 = 0x4000d000

	uartData  = 0x00
	uartFlags = 0x18 // RXFE 0x10, TXFF 0x20
	uartBaudI = 0x24
	uartBaudF = 0x28
	uartLine  = 0x2c // 8 bits, FIFOs: 0x70
	uartCtl   = 0x30 // on, transmit, receive: 0x301
	rcgc1     = 0x400fe104
)

func register(at uintptr) *volatile.Register32 {
	return (*volatile.Register32)(unsafe.Pointer(at))
}

func uartInit() {
	register(rcgc1).Set(register(rcgc1).Get() | 3) // clocks of both
	for _, uart := range [...]uintptr{uart0, uart1} {
		register(uart + uartCtl).Set(0)
		register(uart + uartBaudI).Set(6) // 115,200 baud at 12.5 MHz
		register(uart + uartBaudF).Set(50)
		register(uart + uartLine).Set(0x70)
		register(uart + uartCtl).Set(0x301)
	}
}

func uartReadable() bool { return register(uart1+uartFlags).Get()&0x10 == 0 }

func boardRead(p []byte) (n int) {
	for n < len(p) && uartReadable() {
		p[n] = byte(register(uart1 + uartData).Get())
		n++
	}
	return n
}

func boardWrite(p []byte) {
	for _, b := range p {
		for register(uart1+uartFlags).Get()&0x20 != 0 {
		}
		register(uart1 + uartData).Set(uint32(b))
	}
}

func consoleWrite(b byte) { register(uart0 + uartData).Set(uint32(b)) }
