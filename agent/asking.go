package agent

import (
	"context"
	"io"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// asking sends what a driver has to say to its device, when it is due: a goroutine
// beside the port's, because a device that takes no bytes must not keep us from
// reading what it sends. supervised.mu guards it.
type asking struct {
	writer io.Writer // nil: the port is not open
	opened time.Time
	wakes  chan struct{}
	failed bool // the last write did
}

// open begins the conversation on a line that was opened just now.
func (a *asking) open(d sensor.Decoder, w io.Writer, at time.Time) {
	if asker, ok := d.(sensor.Asker); ok {
		asker.Open()
	}
	a.writer, a.opened, a.failed = w, at, false
	signal(a.wakes)
}

// pump asks until ctx ends.
func (s *supervised) pump(ctx context.Context) error {
	var out []byte
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-s.asking.wakes:
		}
		var wait time.Duration
		if out, wait = s.ask(out[:0]); wait > 0 {
			timer.Reset(wait)
		}
	}
}

// ask lets the driver speak, and returns how long until it wants to again; 0:
// when something arrives.
func (s *supervised) ask(out []byte) ([]byte, time.Duration) {
	s.mu.Lock()
	asker, ok := s.decoder.(sensor.Asker)
	w := s.asking.writer
	if !ok || w == nil {
		s.mu.Unlock()
		return out, 0
	}
	now := time.Since(s.asking.opened)
	out, next := s.askSafely(asker, out, now)
	s.mu.Unlock()
	if len(out) > 0 {
		_, err := w.Write(out)
		s.noteWrite(err)
	}
	return out, max(next-now, time.Millisecond)
}

// askSafely calls Ask as decode calls Decode: one that fails is replaced.
func (s *supervised) askSafely(asker sensor.Asker, out []byte, now time.Duration) (sent []byte, next time.Duration) {
	defer func() {
		if failure := recover(); failure != nil {
			s.failedDecoder(failure)
			sent, next = out[:0], now+minRestart
		}
	}()
	return asker.Ask(out, now)
}

// noteWrite logs the first of several writes that fail. The line being gone is the
// port's to notice.
func (s *supervised) noteWrite(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && !s.asking.failed && s.asking.writer != nil {
		s.log.Warn("the device takes no requests", "error", err)
	}
	s.asking.failed = err != nil
}

// garbled watches for bytes that make no frame: another rate or parity than the
// device's, or another device.
type garbled struct {
	good  uint64    // frames when one was last seen
	since time.Time // of the first byte after it
	bytes int
	said  bool
}

// garbledAfter is how long bytes may come without a frame, at least.
const garbledAfter = 5 * time.Second

// hear takes note of bytes and of the number of good frames so far, and returns
// how many bytes made none, once it is time to say so.
func (g *garbled) hear(n int, good uint64, at time.Time, period time.Duration) (bytes int) {
	if good != g.good || g.since.IsZero() {
		*g = garbled{good: good, since: at}
		return 0
	}
	g.bytes += n
	if g.said || at.Sub(g.since) < max(garbledAfter, 3*period) || g.bytes < 32 {
		return 0
	}
	g.said = true
	return g.bytes
}

// reportGarbled says so once, until there is a frame again.
func (s *supervised) reportGarbled(n int, at time.Time) {
	good, _ := s.decoder.Frames()
	bytes := s.garbled.hear(n, good, at, s.driver.Period)
	if bytes == 0 {
		return
	}
	s.log.Warn("bytes arrive that make no frame: is it another rate or parity, or another device?",
		"driver", s.conf.Driver, "line", s.portConfig().Line, "bytes", bytes)
	s.event(vital.Event{Kind: vital.EventGarbled, Count: uint32(bytes)})
}
