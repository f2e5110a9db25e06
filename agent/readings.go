package agent

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/link"
	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// readings has a frame of plain readings sealed. What is not such a frame is
// errReadings: its sensor would send it again and again.
func (h handler) readings(d *link.Data) error {
	session := h.session
	session.Next = d.Seq + 1
	if err := h.batch.Decode(d.Body); err != nil {
		return h.pass(session, err)
	}
	before := session
	h.countDrops(&session)
	skipped := h.skipAlerts(d.Seq)
	at := onto(&h.batch, d.Now, h.arrived)
	err := h.offer(at, &h.batch, session, skipped)
	if err == nil || errors.Is(err, sdk.ErrFull) || errors.Is(err, sdk.ErrClosed) {
		return err
	}
	return h.pass(before, err)
}

// pass goes on to the next frame after one that holds no readings, because of err.
func (h handler) pass(session linkSession, err error) error {
	if closed := h.offer(h.arrived, new(vital.Batch), session, 0); closed != nil {
		return closed
	}
	return fmt.Errorf("%w: %w", errReadings, err)
}

// offer offers a batch with a token that says where the session is then.
func (h handler) offer(at time.Time, b *vital.Batch, session linkSession, skipped uint32) error {
	if err := h.device.Offer(at, b, offered{session, skipped, h.serial + 1}); err != nil {
		return err
	}
	h.session = session
	h.serial++
	return nil
}

// skipAlerts leaves out those alarms of a frame that are on disk already, and
// returns how many they are.
func (h handler) skipAlerts(frame uint32) (skipped uint32) {
	a := h.session.Alerts
	n := len(h.batch.Alerts)
	switch after := int32(a.Frame - frame); {
	case a.Session != h.session.Session || after < 0:
		return 0
	case after == 0:
		n = min(n, int(a.Count))
	}
	h.batch.Alerts = h.batch.Alerts[n:]
	return uint32(n)
}

// countDrops replaces what the batch says the sensor dropped by what is not
// recorded yet. A sensor may say a loss in a batch, in its heartbeats or in both.
func (h handler) countDrops(s *linkSession) {
	var told uint64
	for _, d := range h.batch.Drops {
		told += min(d.Count, math.MaxUint32)
	}
	h.batch.Drops = h.batch.Drops[:0]
	s.Told = count32(uint64(s.Told) + told)
	if s.Told > s.Dropped {
		h.batch.Drops = append(h.batch.Drops, vital.Dropped{
			Time: math.MaxUint64, Reason: vital.DropSensor, Count: uint64(s.Told - s.Dropped), // onto makes it now
		})
		s.Dropped = s.Told
	}
}

// oldest is how long before now a reading may have been made.
const oldest = 24 * time.Hour

// onto puts readings with times of a sensor's uptime onto the clock here: now is
// that uptime when the frame was sent, and arrived when it came. It returns the
// moment that the times of b then count from, as Device.Offer has them: what was
// made last was made before now, and a wave has the time of its end.
func onto(b *vital.Batch, now uint64, arrived time.Time) time.Time {
	first := now
	floor := now - min(now, uint64(oldest.Milliseconds()))
	for i := range b.Waves {
		b.Waves[i].Time += length(&b.Waves[i])
	}
	eachTime(b, func(t *uint64) {
		*t = max(min(*t, now), floor)
		first = min(first, *t)
	})
	eachTime(b, func(t *uint64) { *t -= first })
	return arrived.Add(-time.Duration(now-first) * time.Millisecond)
}

func eachTime(b *vital.Batch, do func(t *uint64)) {
	for i := range b.Numerics {
		do(&b.Numerics[i].Time)
	}
	for i := range b.Waves {
		do(&b.Waves[i].Time)
	}
	for i := range b.Enumerations {
		do(&b.Enumerations[i].Time)
	}
	for i := range b.Alerts {
		do(&b.Alerts[i].Time)
	}
	for i := range b.Events {
		do(&b.Events[i].Time)
	}
	for i := range b.Drops {
		do(&b.Drops[i].Time)
	}
}

// length is how long a wave lasts, in milliseconds.
func length(w *vital.Wave) uint64 {
	hz := float64(w.Rate.Mantissa) * math.Pow10(int(w.Rate.Exponent))
	if ms := float64(len(w.Samples)) * 1000 / hz; ms < float64(oldest.Milliseconds()) {
		return uint64(ms)
	}
	return uint64(oldest.Milliseconds())
}
