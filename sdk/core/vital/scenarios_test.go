package vital_test

import (
	"encoding/hex"
	"slices"
	"strings"

	fx "github.com/fxamacker/cbor/v2"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// scenario is where one vector file comes from.
type scenario struct {
	name, comment string
	expect        string // "valid" or the error
	musts         string // numbers in FORMAT.md
	payload       []byte
}

func mustEncode(b *vital.Batch) []byte {
	payload, err := b.Append(nil)
	if err != nil {
		panic(err)
	}
	return payload
}

// payload encodes a payload with sections that no encoder of ours would write.
func payload(base uint64, sections ...[]any) []byte {
	mode, err := fx.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	list := make([]any, len(sections))
	for i := range sections {
		list[i] = sections[i]
	}
	out, err := mode.Marshal([]any{base, list})
	if err != nil {
		panic(err)
	}
	return out
}

func raw(s string) []byte {
	out, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return out
}

// Terms of the metrics used below, and the metric of an SpO2 in percent.
var (
	spo2  = []any{19384, 544, 0}
	pulse = []any{18458, 2720, 0}
)

func with(metric []any, more ...any) []any { return append(slices.Clone(metric), more...) }

func scenarios() []scenario {
	return slices.Concat(validNumerics(), validRecords(), refusedPayloads(), refusedNumerics(), refusedWaves(), refusedRecords())
}

func valid(name, musts, comment string, b *vital.Batch) scenario {
	return scenario{name, comment, "valid", musts, mustEncode(b)}
}

func numeric(t uint64, c vital.Code, u vital.Unit, v vital.Decimal, s vital.Status) vital.Numeric {
	return vital.Numeric{Time: t, Code: c, Unit: u, Value: v, Status: s}
}

func validNumerics() []scenario {
	example := &vital.Batch{Numerics: []vital.Numeric{
		numeric(4000, vital.SpO2, vital.Percent, vital.Int(97), 0),
		numeric(4000, vital.PulseRate, vital.BeatsPerMinute, vital.Int(72), vital.Questionable),
	}}
	special := &vital.Batch{Numerics: []vital.Numeric{
		numeric(1, vital.SpO2, vital.Percent, vital.NaN, vital.NotAvailable|vital.SensorOff),
		numeric(1, vital.SpO2, vital.Percent, vital.NaN, vital.Invalid),
		numeric(1, vital.Temp, vital.Celsius, vital.NRes, 0),
		numeric(1, vital.Temp, vital.Celsius, vital.PosInf, vital.InAlarm),
		numeric(1, vital.Temp, vital.Celsius, vital.NegInf, 0),
	}}
	extremes := &vital.Batch{Numerics: []vital.Numeric{
		numeric(0, 0, 0, vital.Dec(vital.MaxMantissa, 127), 0xffffffff&^vital.NotAvailable),
		numeric(0, 0xffffffff, 0xffffffff, vital.Dec(vital.MinMantissa, -128), 0),
		numeric(1<<32-1, 0, 0, vital.Dec(vital.MinMantissa, 0), 0),
	}}
	far := &vital.Batch{Heartbeats: []vital.Heartbeat{{Time: 1<<53 - 1}}}
	backwards := &vital.Batch{}
	for _, t := range []uint64{3000, 2000, 2500, 2500} {
		backwards.Numerics = append(backwards.Numerics, numeric(t, vital.SpO2, vital.Percent, vital.Int(97), 0))
	}
	digits := &vital.Batch{Numerics: []vital.Numeric{
		numeric(9, vital.TempBody, vital.Celsius, vital.Dec(3660, -2), 0),
		numeric(10, vital.TempBody, vital.Celsius, vital.Dec(366, -1), 0),
	}}
	return []scenario{
		valid("example", "", "the example of FORMAT.md: two readings of one time", example),
		valid("empty", "3", "no record at all", &vital.Batch{}),
		valid("one", "", "one reading", oneHertz(monitor[:1], 1, 0)),
		valid("rows", "7", "three metrics one by one, twice: rows", oneHertz(monitor[:3], 2, 9)),
		valid("columns", "9", "one metric for 32 s, a second apart but for a jitter of 3 ms", oneHertz(monitor[:1], 32, 0)),
		valid("columns-eight", "9", "eight metrics at the same eight times", oneHertz(monitor, 8, 0)),
		valid("regular", "8", "two metrics, every 500 ms exactly", regularBatch()),
		valid("backwards", "9", "times that go back, and one that comes twice", backwards),
		valid("special", "10 11", "every special value", special),
		valid("extremes", "4 10", "the largest and smallest numbers of every field of a numeric", extremes),
		valid("far", "3", "the last time there is", far),
		valid("digits", "", "36.60 and 36.6 are two metrics of two rows", digits),
	}
}

func regularBatch() *vital.Batch {
	b := &vital.Batch{}
	for i := range 5 {
		b.Numerics = append(b.Numerics,
			numeric(uint64(700+500*i), vital.SpO2, vital.Percent, vital.Int(97-i%2), 0),
			numeric(uint64(700+500*i), vital.PulseRate, vital.BeatsPerMinute, vital.Int(70+i), 0))
	}
	return b
}

func waveBatch(coding vital.Coding, samples ...int32) *vital.Batch {
	b := new(vital.Batch)
	w := b.AddWave()
	w.Time, w.Code, w.Unit, w.Rate = 40, vital.ECGLeadII, vital.Millivolt, vital.Int(250)
	w.Factor, w.Divisor, w.Coding = vital.Int(1), 2281, coding
	w.Samples = append(w.Samples, samples...)
	return b
}

func validRecords() []scenario {
	all := &vital.Batch{
		Label:        "bed 7",
		Numerics:     []vital.Numeric{numeric(1010, vital.HeartRate, vital.BeatsPerMinute, vital.Int(72), 0)},
		Waves:        waveBatch(vital.CodingAuto, 3, 4, 6, 9, 7, 4, 2, 1, 0, 0).Waves,
		Enumerations: []vital.Enumeration{{Time: 1001, Code: 184504, Value: 3, Status: vital.Calibrating, Text: "standby"}},
		Alerts: []vital.Alert{{Time: 1002, Source: vital.SpO2, Kind: vital.Physiological, Priority: vital.PriorityHigh,
			State: vital.AlertLatched, Value: vital.Int(84), Limit: vital.Int(90), Text: "*** SpO₂ low"}},
		Events: []vital.Event{{Time: 1003, Kind: vital.EventBadFrames, Count: 12}, {Time: 1004, Kind: vital.EventLineLost, Text: "input/output error"}},
		Drops: []vital.Dropped{{Time: 1005, Reason: vital.DropBound, Count: 17},
			{Time: 1006, Reason: vital.DropStore, Count: 3, EID: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}, From: 100, To: 102}},
		Heartbeats: []vital.Heartbeat{{Time: 1007, Interval: 30000, Recorded: 1 << 40}},
	}
	quarantine := &vital.Batch{
		Events: []vital.Event{{Time: 5, Kind: vital.EventUnknownDevice, Count: 1, Text: "monitor-4: 5b1f3e07c1a2d4e8"},
			{Time: 6, Kind: vital.EventImpostor, Count: 1, Text: "monitor-4"}, {Time: 7, Kind: vital.EventRefused, Count: 3, Text: "monitor-4"}},
		Drops: []vital.Dropped{{Time: 8, Reason: vital.DropSensor, Count: 40}},
	}
	full := &vital.Batch{Events: []vital.Event{{Kind: 255, Count: 1<<32 - 1, Text: strings.Repeat("é", vital.MaxText/2)}}}
	flat := waveBatch(vital.CodingAuto, make([]int32, vital.MaxSamples)...)
	flat.Waves[0].Zero = -5
	spike := waveBatch(vital.CodingRice, 0, 0, 1<<31-1, -1<<31, 1<<31-1, 1<<31-1, 0, 0, 0)
	return []scenario{
		valid("all", "19", "one or two of every record", all),
		valid("quarantine", "18", "what a gateway says of a device that it does not believe, and a sensor of readings it dropped", quarantine),
		valid("text-80", "16", "a text of 80 bytes", full),
		valid("wave-int16", "13", "16-bit samples", waveBatch(vital.CodingInt16, 0, -1, 32767, -32768)),
		valid("wave-12bit", "13", "an even number of 12-bit samples", waveBatch(vital.Coding12Bit, 0, -1, 2047, -2048)),
		valid("wave-12bit-odd", "14", "an odd number: four padding bits", waveBatch(vital.Coding12Bit, 5, -1, -2048)),
		valid("wave-rice", "13 15", "a second of ECG, the coding chosen by the encoder", waveBatch(vital.CodingAuto, syntheticECG(250)...)),
		valid("wave-rice-escape", "15", "the largest steps 32 bits allow", spike),
		valid("wave-16384", "13", "the longest wave, flat: a bit a sample", flat),
		{"order", "sections in an order of their own are kept", "valid", "", payload(5,
			[]any{9, 1, 1000, 4}, []any{1, 0, spo2, 97}, []any{9, 2, 1000, 5}, []any{2, 0, 10, with(pulse[:0], pulse, 70, 1)}, []any{1, 0, spo2, 98})},
	}
}

const (
	errCanonical = "cbor: not in core deterministic encoding"
	errCBORRange = "cbor: number or length out of range"
	errCBORType  = "cbor: an item of another type was expected"
	errShape     = "vital: section does not have the items of its kind"
	errBase      = "vital: base is not the smallest time"
	errRelative  = "vital: time is not within 2^32-1 ms after the base"
	errTime      = "vital: time is over 2^53-1 ms"
	errLarge     = "vital: batch is over 32,000 bytes or 8,192 numerics"
	errDict      = "vital: metrics are not in the order of first use, used and different"
	errValue     = "vital: value is no decimal of 24 bits, or a special value with an exponent"
	errSamples   = "vital: bytes of a wave do not hold its samples exactly"
	errRange     = "vital: sample does not fit the coding of its wave"
	errCount     = "vital: wave has no samples or over 16,384"
	errLabel     = "vital: label is empty, repeated or not first"
	errText      = "cbor: number or length out of range"
)

func refusedPayloads() []scenario {
	one := []any{1, 0, spo2, 97}
	wide := []any{4, 0, 1, 1, 0, 1, 0, 1, 1, 0, 0, 1, 5350, make([]byte, 10700)} // a wave of zeros
	return []scenario{
		{"too-long", "a payload of over 32,000 bytes", errLarge, "1", payload(0, wide, wide, wide)},
		{"trailing", "a byte after the payload", "cbor: bytes after the last item", "1", append(payload(0, one), 0)},
		{"long-head", "the base 0 in two bytes", errCanonical, "1", raw("82 1800 81 84 01 00 83 194bb8 190220 00 1861")},
		{"indefinite", "a list of sections of indefinite length", errCanonical, "1", raw("82 00 9f 84 01 00 83 194bb8 190220 00 1861 ff")},
		{"cut", "the last byte is missing", "cbor: input ends inside an item", "1", payload(0, one)[:len(payload(0, one))-1]},
		{"cut-columns", "fewer bytes than the columns have values", "cbor: input ends inside an item", "1", mustEncode(oneHertz(monitor, 8, 0))[:60]},
		{"float", "a value as a floating-point number", errCBORType, "1", raw("82 00 81 84 01 00 83 194bb8 190220 00 f95610")},
		{"map", "a map for a payload", errCBORType, "1", raw("a10080")},
		{"kind-11", "a kind of section that does not exist", "vital: unknown kind of section", "2", payload(0, []any{11, 0})},
		{"section-empty", "a section without a kind", errCBORType, "2", raw("820082 80 80")},
		{"items-missing", "a heartbeat of three items", errShape, "2", payload(0, []any{9, 0, 1000})},
		{"items-extra", "a heartbeat of five items", errShape, "2", payload(0, []any{9, 0, 1000, 1, 1})},
		{"moment-odd", "a metric without a value", errShape, "2", payload(0, []any{1, 0, spo2, 97, pulse})},
		{"moment-empty", "a time without a metric", errShape, "2", payload(0, []any{1, 0})},
		{"rows-odd", "a row of two items", errShape, "2", payload(0, []any{0, []any{spo2}, 0, 0, 97, 0, 0})},
		{"metric-short", "a metric of two items", errShape, "2", payload(0, []any{1, 0, []any{1, 2}, 97})},
		{"code-33-bits", "a code over 32 bits", errCBORRange, "2", payload(0, []any{1, 0, []any{uint64(1 << 32), 2, 0}, 97})},
		{"exponent-128", "an exponent over 127", errCBORRange, "2", payload(0, []any{1, 0, []any{1, 2, 128}, 97})},
		{"base-small", "a base below the smallest time", errBase, "3", payload(5, []any{1, 1, spo2, 97})},
		{"base-of-nothing", "a base without a record", errBase, "3", payload(5)},
		{"base-large", "a base over 2^53-1", errTime, "3", payload(1<<53, []any{1, 0, spo2, 97})},
		{"time-33-bits", "a time 2^32 ms after the base", errCBORRange, "4", payload(0, one, []any{9, uint64(1 << 32), 1000, 1})},
		{"time-before", "a row before the base", errRelative, "4", payload(0, []any{0, []any{spo2}, 0, 0, 97, -1, 0, 97})},
		{"time-after", "a column that runs past 2^32-1 ms", errRelative, "4", payload(0, []any{2, 0, uint64(1 << 31), []any{spo2, 1, 1, 1}})},
		{"time-past", "a time over 2^53-1", errTime, "4", payload(1<<53-1, one, []any{9, 1, 1000, 1})},
		{"numerics-8193", "8,193 numerics", errLarge, "5", payload(0, []any{2, 0, 1, slices.Concat([]any{spo2}, make8193())})},
	}
}

func make8193() []any {
	out := make([]any, vital.MaxEntries+1)
	for i := range out {
		out[i] = 0
	}
	return out
}

func refusedNumerics() []scenario {
	many := []any{0, nil}
	dict := []any{}
	for i := range 257 {
		dict = append(dict, []any{i, 544, 0})
		many = append(many, 0, i, 97)
	}
	many[1] = dict
	const errNA = "vital: status is not-available and the value is not NaN"
	const errNaN = "vital: value is NaN and the status is neither not-available nor invalid"
	const nan = 1<<23 - 1
	return []scenario{
		{"status-zero", "a status of zero that is written", "vital: status of zero is written", "6", payload(0, []any{1, 0, with(spo2, 0), 97})},
		{"dictionary-empty", "rows without a dictionary", errDict, "7", payload(0, []any{0, []any{}, 0, 0, 97})},
		{"dictionary-unused", "a metric that no row uses", errDict, "7", payload(0, []any{0, []any{spo2, pulse}, 0, 0, 97})},
		{"dictionary-twice", "a metric twice", errDict, "7", payload(0, []any{0, []any{spo2, spo2}, 0, 0, 97, 0, 1, 97})},
		{"dictionary-order", "metrics not in the order of first use", errDict, "7", payload(0, []any{0, []any{spo2, pulse}, 0, 1, 97, 0, 0, 97})},
		{"dictionary-beyond", "a row of a metric that is not there", errDict, "7", payload(0, []any{0, []any{spo2}, 0, 0, 97, 0, 1, 97})},
		{"dictionary-257", "257 metrics", errDict, "7", payload(0, many)},
		{"regular-one", "a regular column of one value", errShape, "8", payload(0, []any{2, 0, 0, []any{spo2, 97}})},
		{"regular-uneven", "two columns of two and three values", errShape, "8", payload(0, []any{2, 0, 9, []any{spo2, 97, 0}, []any{pulse, 70, 0, 0}})},
		{"regular-none", "times without a column", errShape, "8", payload(0, []any{2, 0, 9})},
		{"columns-none", "times without a column", errShape, "9", payload(0, []any{3, []any{0, 9, 1}})},
		{"columns-two", "two times, which are always equally spaced", errShape, "9", payload(0, []any{3, []any{0, 9}, []any{spo2, 97, 0}})},
		{"columns-regular", "equally spaced times with their deviations", "vital: equally spaced times are written one by one", "9", payload(0, []any{3, []any{0, 9, 0, 0}, []any{spo2, 97, 0, 0, 0}})},
		{"columns-uneven", "fewer values than times", errShape, "9", payload(0, []any{3, []any{0, 9, 1}, []any{spo2, 97, 0}})},
		{"mantissa-25-bits", "a mantissa beyond 24 bits", errValue, "10", payload(0, []any{1, 0, spo2, 1 << 23})},
		{"mantissa-reserved", "the reserved special value", errValue, "10", payload(0, []any{1, 0, spo2, -1<<23 + 1})},
		{"mantissa-sum", "deltas that lead beyond 24 bits", errValue, "10", payload(0, []any{2, 0, 1, []any{spo2, 1<<23 - 3, 1 << 20}})},
		{"special-exponent", "an infinity with an exponent", errValue, "10", payload(0, []any{1, 0, []any{19384, 544, -1}, 1<<23 - 2})},
		{"not-available-97", "97 and not available", errNA, "11", payload(0, []any{1, 0, with(spo2, 4), 97})},
		{"not-available-nres", "NRes and not available", errNA, "11", payload(0, []any{1, 0, with(spo2, 4), -1 << 23})},
		{"nan-good", "NaN and a good status", errNaN, "11", payload(0, []any{1, 0, spo2, nan})},
		{"nan-questionable", "NaN and questionable", errNaN, "11", payload(0, []any{1, 0, with(spo2, 2), nan})},
	}
}

// refusedWave replaces items of a good wave of two 16-bit samples.
func refusedWave(replace ...any) []byte {
	w := []any{4, 0, 258, 4274, 0, 250, 0, 1, 2281, 0, 0, 1, 2, []byte{0, 1, 0, 2}}
	for i := 0; i < len(replace); i += 2 {
		w[replace[i].(int)] = replace[i+1]
	}
	return payload(0, w)
}

func refusedWaves() []scenario {
	const rate, factor = "vital: rate of a wave is not a number above zero", "vital: factor of a wave is not a number"
	const coding, padding = "vital: unknown coding of samples", "vital: padding bits are not zero"
	const exp, mant, fmant, cod, count, bytes = 4, 5, 7, 11, 12, 13
	return []scenario{
		{"rate-zero", "no samples a second", rate, "12", refusedWave(mant, 0)},
		{"rate-negative", "a negative rate", rate, "12", refusedWave(mant, -250)},
		{"rate-infinite", "an infinite rate", rate, "12", refusedWave(mant, 1<<23-2)},
		{"factor-nan", "a factor that is not a number", factor, "12", refusedWave(fmant, 1<<23-1)},
		{"samples-none", "a wave without samples", errCount, "13", refusedWave(count, 0, bytes, []byte{})},
		{"samples-16385", "16,385 samples", errCount, "13", refusedWave(count, 16385, cod, 3, bytes, make([]byte, 2060))},
		{"coding-0", "the coding that only an encoder takes", coding, "13", refusedWave(cod, 0)},
		{"coding-4", "a coding that does not exist", coding, "13", refusedWave(cod, 4)},
		{"int16-short", "three samples announced, two there", errSamples, "13", refusedWave(count, 3)},
		{"int16-long", "one sample announced, two there", errSamples, "13", refusedWave(count, 1)},
		{"12bit-long", "one sample in three bytes", errSamples, "13", refusedWave(cod, 2, count, 1, bytes, []byte{0, 0, 0})},
		{"rice-bomb", "16,384 samples in four bytes", errSamples, "13", refusedWave(cod, 3, count, 16384)},
		{"rice-short", "bits that end inside a sample", errSamples, "13", refusedWave(cod, 3, count, 4)},
		{"rice-short-ones", "bits that end inside a quotient", errSamples, "13", refusedWave(cod, 3, count, 1, bytes, []byte{0xff})},
		{"rice-short-escape", "bits that end after an escape", errSamples, "13", refusedWave(cod, 3, count, 1, bytes, raw("ffffff ffffffff"))},
		{"rice-long", "a byte after the last sample", errSamples, "13", refusedWave(cod, 3, count, 1, bytes, []byte{0, 0, 0})},
		{"12bit-padding", "padding bits of 12-bit samples set", padding, "14", refusedWave(cod, 2, count, 1, bytes, []byte{0, 1})},
		{"rice-padding", "padding bits of Rice coding set", padding, "14", refusedWave(cod, 3, count, 1, bytes, []byte{0, 1})},
		{"rice-escape-short", "an escaped number that needs no escape", "vital: short number is escaped", "15",
			refusedWave(cod, 3, count, 1, bytes, raw("ffffff 00000004 00"))},
		{"rice-33-bits", "a sample beyond 32 bits", errRange, "15", refusedWave(cod, 3, count, 1, bytes, raw("ffffff ffffffff c0"))},
	}
}

func refusedRecords() []scenario {
	const alert = "vital: kind, priority or state of an alert is unknown"
	const drop = "vital: dropped record has no reason or ends before it starts"
	eid := make([]byte, 8)
	long := strings.Repeat("x", vital.MaxText+1)
	return []scenario{
		{"text-81", "a text of 81 bytes", errText, "16", payload(0, []any{7, 0, 1, 0, long})},
		{"text-utf8", "a text that is not UTF-8", "cbor: text is not valid UTF-8", "16", raw("82 00 81 85 07 00 01 00 62 c328")},
		{"label-81", "a label of 81 bytes", errText, "16", payload(0, []any{10, long})},
		{"enumeration-bytes", "a byte string for a text", errCBORType, "16", payload(0, []any{5, 0, 1, 1, 0, []byte("x")})},
		{"alert-kind", "a kind of alert that does not exist", alert, "17", payload(0, []any{6, 0, 19384, 3, 0, 0, 0, 1, 0, 1, ""})},
		{"alert-priority", "a priority that does not exist", alert, "17", payload(0, []any{6, 0, 19384, 0, 4, 0, 0, 1, 0, 1, ""})},
		{"alert-state", "a state that does not exist", alert, "17", payload(0, []any{6, 0, 19384, 0, 0, 3, 0, 1, 0, 1, ""})},
		{"alert-value", "the limit of an alert is the reserved value", errValue, "10", payload(0, []any{6, 0, 19384, 0, 0, 0, 0, 1, 0, -1<<23 + 1, ""})},
		{"event-0", "an event without a kind", "vital: event has no kind", "18", payload(0, []any{7, 0, 0, 0, ""})},
		{"drop-0", "a dropped record without a reason", drop, "18", payload(0, []any{8, 0, 0, 1, eid, 0, 0})},
		{"drop-order", "a range that ends before it starts", drop, "18", payload(0, []any{8, 0, 2, 1, eid, 5, 4})},
		{"drop-eid", "an anchor of seven bytes", errCBORRange, "18", payload(0, []any{8, 0, 2, 1, eid[:7], 4, 5})},
		{"label-empty", "an empty label", errLabel, "19", payload(0, []any{10, ""})},
		{"label-late", "a label after a record", errLabel, "19", payload(0, []any{9, 0, 1, 1}, []any{10, "bed 7"})},
		{"label-twice", "two labels", errLabel, "19", payload(0, []any{10, "bed 7"}, []any{10, "bed 8"})},
	}
}
