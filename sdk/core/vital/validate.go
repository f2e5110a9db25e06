package vital

import "unicode/utf8"

// Validate reports why a batch with this numeric would be refused. A value is
// NaN if the status has NotAvailable, and only if it has that or Invalid.
func (n *Numeric) Validate() error {
	switch {
	case !n.Value.valid():
		return errValue
	case n.Value.Mantissa != mantissaNaN && n.Status&NotAvailable != 0:
		return errNotAvailable
	case n.Value.Mantissa == mantissaNaN && n.Status&(NotAvailable|Invalid) == 0:
		return errNaN
	}
	return checkTime(n.Time)
}

// Validate reports why a batch with this wave would be refused: a rate that is
// not above zero, no samples or too many, or samples that the coding it asks for
// would not keep.
func (w *Wave) Validate() error {
	if err := w.checkScale(); err != nil {
		return err
	}
	if len(w.Samples) == 0 || len(w.Samples) > MaxSamples {
		return errCount
	}
	switch {
	case w.Coding > CodingRice:
		return errCoding
	case w.Coding == CodingInt16 && !fits(w.Samples, 16), w.Coding == Coding12Bit && !fits(w.Samples, 12):
		return errRange
	}
	return checkTime(w.Time)
}

func (w *Wave) checkScale() error {
	if !w.Rate.IsNumber() || w.Rate.Mantissa <= 0 {
		return errRate
	}
	if !w.Factor.IsNumber() {
		return errFactor
	}
	return nil
}

// Validate reports why a batch with this enumeration would be refused.
func (e *Enumeration) Validate() error { return firstError(checkText(e.Text), checkTime(e.Time)) }

// Validate reports why a batch with this alert would be refused. Value and
// limit may be any Decimal, NaN included.
func (a *Alert) Validate() error {
	if a.Kind > Advisory || a.Priority > PriorityHigh || a.State > AlertEnded {
		return errAlert
	}
	if !a.Value.valid() || !a.Limit.valid() {
		return errValue
	}
	return firstError(checkText(a.Text), checkTime(a.Time))
}

// Validate reports why a batch with this event would be refused.
func (e *Event) Validate() error {
	if e.Kind == 0 {
		return errEventKind
	}
	return firstError(checkText(e.Text), checkTime(e.Time))
}

// Validate reports why a batch with this record would be refused.
func (d *Dropped) Validate() error {
	if d.Reason == 0 || d.From > d.To {
		return errDrop
	}
	return checkTime(d.Time)
}

// Validate reports why a batch with this heartbeat would be refused.
func (h *Heartbeat) Validate() error { return checkTime(h.Time) }

func checkText(s string) error {
	if len(s) > MaxText || !utf8.ValidString(s) {
		return errText
	}
	return nil
}

func checkTime(t uint64) error {
	if t > maxTime {
		return errTime
	}
	return nil
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
