//go:build baremetal && rp2040

// Command sealing-sensor is a thermometer that seals its own readings: the whole
// firmware of a Raspberry Pi Pico with a 10 mV/K sensor (LM35) on GP26 and the
// gateway's serial port on GP0 and GP1.
//
//	tinygo flash -target pico -scheduler none ./examples/sealing-sensor
//
// firmware-bridge/firmware/PORTING.md says what each part below has to promise.
package main

import (
	"machine"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/firmware"
	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const version = "thermometer 1.0"

// entropy is where salts come from. The RP2040's oscillator is no cryptographic
// generator, so every anchor is flagged: a product asks its secure element.
type entropy struct{}

func (entropy) Weak() bool { return true }

func (entropy) Fill(p []byte) error {
	for i := range p {
		n, err := machine.GetRNG()
		if err != nil {
			return err
		}
		p[i] = byte(n)
	}
	return nil
}

// thermometer is the sensor proper.
type thermometer struct {
	adc  machine.ADC
	next uint64 // uptime of the next reading, ms
	high bool
}

// measure records a reading each second, and an alert above 38.5 degrees.
func (t *thermometer) measure(s *firmware.Sensor, now uint64) {
	if now < t.next {
		return
	}
	t.next = now + 1000
	tenths := int(t.adc.Get()) * 3300 / 65536 // 10 mV a degree
	n := vital.Numeric{Time: now, Code: vital.TempBody, Unit: vital.Celsius, Value: vital.Dec(tenths, -1)}
	if tenths < 200 || tenths > 450 { // nobody's temperature: the probe is off
		n.Value, n.Status = vital.NaN, vital.NotAvailable|vital.SensorOff
	}
	complain(s, s.Numeric(n))
	if high := n.Status == 0 && tenths > 385; high != t.high {
		t.high = high
		a := vital.Alert{Time: now, Source: vital.TempBody, Priority: vital.PriorityMedium, Value: n.Value, Limit: vital.Dec(385, -1)}
		if !high {
			a.State = vital.AlertEnded
		}
		complain(s, s.Alert(a))
	}
}

func complain(s *firmware.Sensor, err error) {
	if err != nil {
		s.Log(link.LevelWarn, err.Error())
	}
}

func main() {
	uart, start := machine.UART0, time.Now()
	uart.Configure(machine.UARTConfig{BaudRate: 115200})
	machine.InitADC()
	probe := thermometer{adc: machine.ADC{Pin: machine.ADC0}}
	probe.adc.Configure(machine.ADCConfig{})

	sensor, err := firmware.Open(firmware.Config{Slot: machine.Flash, Entropy: entropy{}, Firmware: version})
	for err != nil {
		machine.LED.High() // not provisioned, or flash that cannot be relied on: it must not seal
	}
	var in [64]byte
	for {
		now := uint64(time.Since(start).Milliseconds())
		probe.measure(sensor, now)
		n := 0
		for n < len(in) && uart.Buffered() > 0 {
			in[n], _ = uart.ReadByte()
			n++
		}
		if _, err := uart.Write(sensor.Poll(now, in[:n])); err != nil {
			complain(sensor, err)
		}
	}
}
