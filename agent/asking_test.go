package agent_test

import (
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/agent"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// asked is a driver of a device that says one byte, a pulse rate, when it is asked
// with '?', and has to be told '!' first. Now and then its Ask fails.
type asked struct {
	told  bool
	due   time.Duration
	good  uint64
	fails *atomic.Int32
}

func (d *asked) Decode(dst *vital.Batch, p []byte) {
	for _, c := range p {
		d.good++
		dst.Numerics = append(dst.Numerics, vital.Numeric{Code: vital.PulseRate, Unit: vital.BeatsPerMinute, Value: vital.Int(int(c))})
	}
}
func (d *asked) Flush(*vital.Batch)         {}
func (d *asked) Frames() (good, bad uint64) { return d.good, 0 }
func (d *asked) Open()                      { d.told, d.due = false, 0 }

func (d *asked) Ask(dst []byte, now time.Duration) ([]byte, time.Duration) {
	if d.fails.Add(-1) == 0 {
		panic("patient-value 97")
	}
	if !d.told {
		d.told = true
		dst = append(dst, '!')
	}
	if now >= d.due {
		d.due = now + 10*time.Millisecond
		dst = append(dst, '?')
	}
	return dst, d.due
}

// answer is the device: it answers each '?' after a '!' with its rate, and returns how
// often it was told when its line is gone.
func answer(line *os.File, rate byte) (told int) {
	buf := make([]byte, 64)
	for {
		n, err := line.Read(buf)
		if err != nil {
			return told
		}
		for _, c := range buf[:n] {
			switch {
			case c == '!':
				told++
			case c == '?' && told > 0:
				if _, err := line.Write([]byte{rate}); err != nil {
					return told
				}
			}
		}
	}
}

func TestDevicesThatMustBeAsked(t *testing.T) {
	b := newBedside(t, "pump")
	line := b.sensor("pump", "asked")
	got := b.Receive()
	var fails atomic.Int32
	fails.Store(20)
	b.run(agent.Options{Lookup: func(string) (sensor.Driver, error) {
		return sensor.Driver{Name: "asked", Period: time.Second, New: func(sensor.Options) (sensor.Decoder, error) {
			return &asked{fails: &fails}, nil
		}}, nil
	}})
	told := make(chan int, 2)
	go func() { told <- answer(line, 72) }()
	got.Until("answers, and a failure that is contained", func(f *sdktest.Found) bool {
		return len(f.Numerics) > 30 && f.Events[vital.EventDecoderPanic] == 1
	})
	line.Close()
	if n := <-told; n != 2 {
		t.Errorf("told %d times: at first, and by the decoder that replaced the one that failed, makes 2", n)
	}
	got.Until("the lost line", func(f *sdktest.Found) bool { return f.Events[vital.EventLineLost] == 1 })
	again := b.plug("pump")
	go func() { told <- answer(again, 73) }()
	got.Until("answers on the new line", func(f *sdktest.Found) bool {
		n := 0
		for _, r := range f.Numerics {
			if r.Value == vital.Int(73) {
				n++
			}
		}
		return n > 10
	})
	again.Close()
	if n := <-told; n != 1 {
		t.Errorf("told %d times on the new line", n)
	}
}
