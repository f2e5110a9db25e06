package bbraun_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/bbraun"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/sensortest"
	"github.com/vitalseal/vitalseal/firmware-bridge/sim"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

const secondRate = 1024<<16 | 0x8000 | 1<<11 | 3<<6 | 1

// Ten minutes with two pumps: nothing is lost, nothing is made up, and the device
// found nothing to refuse.
func TestTenMinutes(t *testing.T) {
	d, device := fresh(), bbraun.Simulate(sim.NewPatient(7))
	l := sensortest.Line{Decoder: d, Device: device}
	b := l.Run(10 * time.Minute)
	if good, bad := d.Frames(); bad != 0 || good < 240 {
		t.Errorf("%d good, %d bad", good, bad)
	}
	if n, m := sensortest.Count(b, vital.InfusionRate), sensortest.Count(b, secondRate); n < 118 || n > 121 || m < n-1 || m > n {
		t.Errorf("%d and %d rates", n, m)
	}
	for _, n := range b.Numerics {
		if !n.Value.IsNumber() || n.Status != 0 {
			t.Fatalf("%+v", n)
		}
	}
	if len(b.Events) != 3 || len(b.Alerts) != 0 || len(device.Refused()) != 0 {
		t.Errorf("%v %v %q", b.Events, b.Alerts, device.Refused())
	}
}

// Pumps that are asked for one by one; one of them is not there.
func TestOnlySlots(t *testing.T) {
	d, err := bbraun.New(bbraun.Config{Pumps: []string{"13", "21"}, Interval: 4 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	device := bbraun.Simulate(sim.NewPatient(7))
	l := sensortest.Line{Decoder: d, Device: device}
	b := l.Run(time.Minute)
	if n := sensortest.Count(b, secondRate); n < 13 || n > 15 || sensortest.Count(b, vital.InfusionRate) != 0 || len(b.Alerts) != 0 || len(device.Refused()) != 0 {
		t.Errorf("%d rates, %v, %q", n, b.Alerts, device.Refused())
	}
}

func TestConditions(t *testing.T) {
	p := sim.NewPatient(7)
	l := sensortest.Line{Decoder: fresh(), Device: bbraun.Simulate(p)}
	l.Run(20 * time.Second)
	p.Set(sim.LowBattery)
	if b := l.Run(20 * time.Second); len(b.Alerts) != 2 || b.Alerts[0].State != vital.AlertPresent || b.Alerts[0].Text != "pump 11: battery pre-alarm" {
		t.Errorf("%+v", b.Alerts)
	}
	p.Set(0)
	if b := l.Run(20 * time.Second); len(b.Alerts) != 2 || b.Alerts[1].State != vital.AlertEnded {
		t.Errorf("%+v", b.Alerts)
	}
}

// A line that changes and loses bytes: what is read is what the device said.
func TestBadLine(t *testing.T) {
	for _, rate := range []int{20000, 3000} {
		r := rand.New(rand.NewPCG(1, 2))
		d := fresh()
		l := sensortest.Line{Decoder: d, Device: bbraun.Simulate(sim.NewPatient(7)), Alter: func(p []byte) []byte {
			for i := range p {
				if r.IntN(rate) == 0 {
					p[i] ^= 1 << r.IntN(8)
				}
			}
			if len(p) > 0 && r.IntN(rate/20) == 0 {
				p = p[1:]
			}
			return p
		}}
		b := l.Run(20 * time.Minute)
		for _, n := range b.Numerics {
			ok := n.Value.IsNumber() && n.Status == 0
			switch n.Code {
			case vital.InfusionRate:
				ok = n.Value == vital.Dec(6000, -2)
			case secondRate:
				ok = n.Value == vital.Dec(300, -2)
			}
			if !ok {
				t.Fatalf("%+v", n)
			}
		}
		_, bad := d.Frames()
		if n := sensortest.Count(b, secondRate); bad == 0 || n < 60 {
			t.Errorf("%d bad, %d readings", bad, n)
		}
	}
}

// A cable that is out for a minute: the host begins with ADMIN:ALIVE again.
func TestSilence(t *testing.T) {
	out := false
	device := bbraun.Simulate(sim.NewPatient(1))
	l := sensortest.Line{Decoder: fresh(), Device: device, Alter: func(p []byte) []byte {
		if out {
			return nil
		}
		return p
	}}
	l.Run(20 * time.Second)
	out = true
	if b := l.Run(time.Minute); len(b.Numerics) != 0 {
		t.Error(len(b.Numerics))
	}
	out = false
	b := l.Run(30 * time.Second)
	if n := sensortest.Count(b, secondRate); n < 3 || len(b.Events) != 0 {
		t.Errorf("%d readings, %v, %q", n, b.Events, device.Refused())
	}
}

// A device that answers nothing is greeted every three seconds and no more.
func TestPatience(t *testing.T) {
	d := fresh()
	d.Open()
	sent, asked := 0, 0
	for now := time.Duration(0); now < time.Minute; asked++ {
		p, next := d.Ask(nil, now)
		if len(p) > 0 {
			sent++
		}
		now = max(next, now+time.Millisecond)
	}
	if sent != 20 || asked > 40 {
		t.Errorf("%d greetings, asked %d times", sent, asked)
	}
}

func stream(span time.Duration) []byte {
	return sensortest.Record(fresh(), bbraun.Simulate(sim.NewPatient(7)), span)
}

func TestChunks(t *testing.T) { sensortest.AnyChunks(t, decoder, stream(30*time.Second)) }

// A recording of the device's side gives what the host had read.
func TestRecording(t *testing.T) {
	l := sensortest.Line{Decoder: fresh(), Device: bbraun.Simulate(sim.NewPatient(7))}
	live, played := l.Run(time.Minute), sensortest.Decode(fresh(), stream(time.Minute))
	if len(live.Numerics) != len(played.Numerics) || len(live.Enumerations) != len(played.Enumerations) || len(live.Numerics) < 300 {
		t.Errorf("%d, %d numerics, %d, %d enumerations", len(live.Numerics), len(played.Numerics), len(live.Enumerations), len(played.Enumerations))
	}
}

func TestNoAllocs(t *testing.T) { sensortest.NoAllocs(t, fresh(), stream(30*time.Second)) }

func Fuzz(f *testing.F) {
	s := stream(10 * time.Second)
	sensortest.Fuzz(f, decoder, s[:1500], s[len(s)-1500:], block("1,50100,GNACK,0"), []byte(frame(bed, "1,50111,INRT,5\x1e1,50111,INA1,1", "\x17")),
		block("1,50111,GNERR,39"), block("1,50113,INSOLSN,Arteren\ue021", "1,50113,GNMODEL,688F030006", "1,50113,INM3,1"))
}

func Benchmark(b *testing.B) { sensortest.Bench(b, fresh(), stream(time.Minute)) }
