package main

import (
	"runtime"

	"github.com/vitalseal/vitalseal/firmware-bridge/firmware"
	"github.com/vitalseal/vitalseal/firmware-bridge/firmware/tinygo/bedside"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// soak seals a number of messages as fast as the gateway takes them, each with
// the same readings, and says what they cost. On a board whose clock counts
// instructions, ticks are instructions divided by boardTick.
type soak struct {
	sensor *firmware.Sensor
	n      int

	messages uint64
	ticks    uint64 // in calls of Poll that sealed
	mallocs  uint64
	now      uint64
}

var (
	memory runtime.MemStats
	wave   vital.Wave
)

func runSoak(sensor *firmware.Sensor, messages int) {
	s := soak{sensor: sensor}
	for !sensor.State().Sealing {
		exchange(sensor, boardUptime())
		boardIdle()
	}
	runtime.GC() // what Open left behind
	runtime.ReadMemStats(&memory)
	s.mallocs = memory.Mallocs
	for sensor.State().Messages < uint64(messages) {
		s.step()
	}
	for sensor.State().Link.Unacked > 0 {
		exchange(sensor, max(s.now+soakWait, boardUptime()))
		boardIdle()
	}
	s.report()
}

// step records what makes one message and lets it be sealed, if the gateway is
// not too far behind.
func (s *soak) step() {
	now := boardUptime()
	if s.sensor.State().Link.Unacked < 5 && s.sensor.State().Waiting == 0 {
		s.now = max(s.now+1, now)
		if s.record() != nil {
			boardSay("soak: reading refused")
		}
		before, start := s.sensor.State().Messages, boardTicks()
		out := s.sensor.Poll(s.now+soakWait, nil)
		if s.sensor.State().Messages == before+1 {
			s.ticks += boardTicks() - start
			s.messages++
		}
		boardWrite(out)
	}
	exchange(s.sensor, max(s.now+soakWait, now))
	if s.sensor.State().Link.Unacked >= 5 {
		boardIdle()
	}
}

// soakWait is Config.Every: a batch is due then.
const soakWait = 1000

// record records five numerics, of which one counts, and 64 samples.
func (s *soak) record() error {
	n := [...]vital.Numeric{
		{Code: bedside.Counter, Unit: vital.NoUnit, Value: vital.Int(s.n)},
		{Code: vital.HeartRate, Unit: vital.BeatsPerMinute, Value: vital.Int(60 + s.n%30)},
		{Code: vital.SpO2, Unit: vital.Percent, Value: vital.Int(98)},
		{Code: vital.RespRate, Unit: vital.BreathsPerMinute, Value: vital.Int(14)},
		{Code: vital.TempBody, Unit: vital.Celsius, Value: vital.Dec(368, -1)},
	}
	for i := range n {
		n[i].Time = s.now
		if err := s.sensor.Numeric(n[i]); err != nil {
			return err
		}
	}
	wave = vital.Wave{Time: s.now, Code: vital.ECGLeadII, Unit: vital.Millivolt, Rate: vital.Int(250), Factor: vital.Int(1), Divisor: 200, Samples: samples[:]}
	for i := range samples {
		samples[i] = int32((s.n+i)%50) * 3
	}
	s.n++
	return s.sensor.Wave(&wave)
}

var samples [64]int32

// report prints a line that scripts/firmware reads.
func (s *soak) report() {
	runtime.ReadMemStats(&memory)
	mallocs, state := memory.Mallocs-s.mallocs, s.sensor.State()
	stack := uint64(boardStack())
	line := appendCount([]byte("soak:"), " messages=", state.Messages)
	line = appendCount(line, " dropped=", state.Dropped)
	line = appendCount(line, " mallocs=", mallocs)
	line = appendCount(line, " heap=", memory.HeapInuse)
	line = appendCount(line, " stack=", stack)
	line = appendCount(line, " sealing=", s.ticks*boardTick/max(s.messages, 1))
	line = appendCount(line, " signing=", signing())
	boardSay(string(line))
}

func appendCount(dst []byte, name string, n uint64) []byte {
	var digits [20]byte
	i := len(digits)
	for ok := true; ok; ok = n > 0 {
		i--
		digits[i] = '0' + byte(n%10)
		n /= 10
	}
	return append(append(dst, name...), digits[i:]...)
}

// signing returns the instructions of one signature over 256 bytes.
func signing() uint64 {
	key := keys.NewEd25519(&[keys.SecretSize]byte{1})
	message, out := make([]byte, 256), make([]byte, 0, keys.SignatureSize)
	start := boardTicks()
	for i := range 16 {
		message[0] = byte(i)
		if _, err := key.Sign(out, message); err != nil {
			boardSay("soak: " + err.Error())
		}
	}
	return (boardTicks() - start) * boardTick / 16
}
