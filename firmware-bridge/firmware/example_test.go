package firmware_test

import (
	"fmt"
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/firmware"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// A sensor's main loop: it records readings and polls; here for four seconds, with
// a flash of the test's, and nobody at the other end of the line.
func Example() {
	flash := newFlash(&testing.T{}, firmware.SlotSize(4, 4096), 4, 4096)
	image, err := firmware.AppendProvision(nil, "ward-3", &[32]byte{1}, &[32]byte{2})
	if err != nil {
		fmt.Println(err)
		return
	}
	copy(flash.mem, image) // the site does this, before the device leaves the bench

	sensor, err := firmware.Open(firmware.Config{Slot: flash, Entropy: &entropy{}, Firmware: "example 1.0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	written := 0
	for uptime := uint64(0); uptime < 4000; uptime += 100 {
		if uptime%1000 == 0 {
			reading := vital.Numeric{Time: uptime, Code: vital.SpO2, Unit: vital.Percent, Value: vital.Int(98)}
			if err := sensor.Numeric(reading); err != nil {
				fmt.Println(err)
			}
		}
		fromLine := []byte(nil) // what the UART received
		for {
			out := sensor.Poll(uptime, fromLine)
			if len(out) == 0 {
				break
			}
			written += len(out) // the UART writes it
			fromLine = nil
		}
	}
	state := sensor.State()
	fmt.Println("sealing:", state.Sealing, "boot:", state.Boot, "readings given up:", state.Dropped, "said hello:", written > 0)
	// Output: sealing: true boot: 1 readings given up: 0 said hello: true
}
