//go:build baremetal && qemu && mps2

package main

import (
	"runtime/volatile"
	"unsafe"
)

// Arm's MPS2 board with the AN386 image: a Cortex-M4 with 4 MiB of each. UART0 is
// the console, UART1 the link; both are the CMSDK's, which have one byte of
// buffer.

const (
	boardName = "mps2-an386"
	clockHz   = 25_000_000
	boardTick = 1_000_000_000 / clockHz

	uart0 = 0x40004000
	uart1 = 0x40005000

	uartData  = 0x00
	uartState = 0x04 // transmit buffer full 1, receive buffer full 2
	uartCtl   = 0x08 // transmit, receive: 3
	uartBaud  = 0x10
)

func register(at uintptr) *volatile.Register32 {
	return (*volatile.Register32)(unsafe.Pointer(at))
}

func uartInit() {
	for _, uart := range [...]uintptr{uart0, uart1} {
		register(uart + uartBaud).Set(clockHz / 115200)
		register(uart + uartCtl).Set(3)
	}
}

func uartReadable() bool { return register(uart1+uartState).Get()&2 != 0 }

func boardRead(p []byte) (n int) {
	for n < len(p) && uartReadable() {
		p[n] = byte(register(uart1 + uartData).Get())
		n++
	}
	return n
}

func boardWrite(p []byte) {
	for _, b := range p {
		for register(uart1+uartState).Get()&1 != 0 {
		}
		register(uart1 + uartData).Set(uint32(b))
	}
}

func consoleWrite(b byte) {
	for register(uart0+uartState).Get()&1 != 0 {
	}
	register(uart0 + uartData).Set(uint32(b))
}
