// Command tinygo is the simulated sensor: a monitor of heart rate, SpO2,
// respiration, temperature and blood pressure with an ECG and a pleth wave, that
// seals its own readings and speaks the link over a UART.
//
// TinyGo builds it for QEMU's lm3s6965evb and mps2-an386, for the Raspberry Pi
// Pico and for the micro:bit v2; scripts/firmware builds all four. Go builds it
// for the host, where a socket or a terminal is the UART and a file is the flash:
//
//	go run ./firmware-bridge/firmware/tinygo -flash sensor.flash -listen unix:sensor.sock
//
// On QEMU, UART0 is the console and UART1 the link; a provisioning image is a
// flash file, which grows to its size and is kept over runs:
//
//	qemu-system-arm -M lm3s6965evb -display none -monitor none -serial file:console
//	    -serial unix:sensor.sock,server=on,wait=off
//	    -semihosting-config enable=on,target=native,arg=sensor.flash -kernel lm3s6965.elf
//
// with arg=soak,arg=N behind the flash file to seal N messages as fast as the
// gateway takes them. Without semihosting there is no flash: it does not start.
//
// The code that seals is the same everywhere; each board has one file that gives
// it what firmware's PORTING.md asks for.
package main

import (
	"github.com/vitalseal/vitalseal/firmware-bridge/firmware"
	"github.com/vitalseal/vitalseal/firmware-bridge/firmware/tinygo/bedside"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// rx is what a board's UART gives at a time.
var rx [64]byte

func main() {
	boardInit()
	sensor, err := firmware.Open(firmware.Config{
		Slot: boardSlot(), Entropy: boardEntropy(), Flags: seal.FlagTest, Firmware: "vitalseal-sim " + boardName,
	})
	for err != nil {
		boardSay("sensor: " + err.Error())
		boardHalt()
	}
	boardSay("sensor: ready")
	if soak := boardSoak(); soak > 0 {
		runSoak(sensor, soak)
		boardHalt()
	}
	run(sensor, bedside.New(boardSeed()))
}

// run is a sensor's main loop.
func run(sensor *firmware.Sensor, patient *bedside.Patient) {
	for {
		now := boardUptime()
		if err := patient.Record(sensor, now); err != nil {
			boardSay("sensor: " + err.Error())
		}
		exchange(sensor, now)
		boardIdle()
	}
}

// exchange takes what came over the line and writes what is due.
func exchange(sensor *firmware.Sensor, now uint64) {
	for {
		n := boardRead(rx[:])
		out := sensor.Poll(now, rx[:n])
		if len(out) == 0 && n == 0 {
			return
		}
		boardWrite(out)
	}
}
