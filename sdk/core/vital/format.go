package vital

import "errors"

// Kinds of section, the first item of each. They are wire constants.
const (
	kindRows        = 0 // numerics of several metrics at different times
	kindMoment      = 1 // numerics of one time
	kindRegular     = 2 // columns at equally spaced times
	kindColumns     = 3 // columns at times of their own
	kindWave        = 4
	kindEnumeration = 5
	kindAlert       = 6
	kindEvent       = 7
	kindDropped     = 8
	kindHeartbeat   = 9
	kindLabel       = 10
	kinds           = 11
)

// Codes are sent with the bits of their usual partition flipped, so that a code
// of partition 2 and a unit of partition 4 are their 16-bit terms: three bytes
// instead of five.
const (
	codeFlip = 2 << 16
	unitFlip = 4 << 16
)

// MaxPayload is the length of the longest payload in bytes; an envelope of
// 32 KiB holds it.
const MaxPayload = 32000

const (
	maxMetrics = 256       // metrics in the dictionary of one section of rows
	maxTime    = 1<<53 - 1 // of the base: what a JSON number holds exactly
	maxSpan    = 1<<32 - 1 // between the first and the last time
)

// Why Append refuses a batch that would fit if it were split.
var (
	ErrTooLarge = errors.New("vital: batch is over 32,000 bytes or 8,192 numerics")
	ErrSpan     = errors.New("vital: times of one batch are more than 2^32-1 ms apart")
)

// Why a reading is refused, by Append, Decode and Validate alike.
var (
	errTime         = errors.New("vital: time is over 2^53-1 ms")
	errValue        = errors.New("vital: value is no decimal of 24 bits, or a special value with an exponent")
	errNotAvailable = errors.New("vital: status is not-available and the value is not NaN")
	errNaN          = errors.New("vital: value is NaN and the status is neither not-available nor invalid")
	errText         = errors.New("vital: text is over 80 bytes or not UTF-8")
	errRate         = errors.New("vital: rate of a wave is not a number above zero")
	errFactor       = errors.New("vital: factor of a wave is not a number")
	errCount        = errors.New("vital: wave has no samples or over 16,384")
	errCoding       = errors.New("vital: unknown coding of samples")
	errRange        = errors.New("vital: sample does not fit the coding of its wave")
	errAlert        = errors.New("vital: kind, priority or state of an alert is unknown")
	errEventKind    = errors.New("vital: event has no kind")
	errDrop         = errors.New("vital: dropped record has no reason or ends before it starts")
)

// Why Decode refuses a payload.
var (
	errKind       = errors.New("vital: unknown kind of section")
	errShape      = errors.New("vital: section does not have the items of its kind")
	errBase       = errors.New("vital: base is not the smallest time")
	errRelative   = errors.New("vital: time is not within 2^32-1 ms after the base")
	errStatusZero = errors.New("vital: status of zero is written")
	errDictionary = errors.New("vital: metrics are not in the order of first use, used and different")
	errDeviation  = errors.New("vital: equally spaced times are written one by one")
	errSamples    = errors.New("vital: bytes of a wave do not hold its samples exactly")
	errEscape     = errors.New("vital: short number is escaped")
	errPadding    = errors.New("vital: padding bits are not zero")
	errLabel      = errors.New("vital: label is empty, repeated or not first")
)

// metricKey is what a run of numerics has in common.
type metricKey struct {
	code     Code
	unit     Unit
	exponent int8
	status   Status
}

func (n *Numeric) key() metricKey {
	return metricKey{n.Code, n.Unit, n.Value.Exponent, n.Status}
}
