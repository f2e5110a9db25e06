package intellivue

import "bytes"

// First bytes of a message: an association's, or that of data export.
const (
	refused         = 0x0c
	requested       = 0x0d
	accepted        = 0x0e
	releaseAsked    = 0x09
	released        = 0x0a
	aborted         = 0x19
	dataExport      = 0xe1
	dataContext     = 0x0002
	refusal         = "\x0c\x03\x32\x01\x00"
	sessionData     = "\x05\x08\x13\x01\x00\x16\x01\x02\x80\x00\x14\x02\x00\x02"
	presentation    = 0xc1
	trailerLen      = 16
	lengthLong      = 0xff // two bytes follow
	asnLengthWide   = 0x82 // two bytes follow
	asnLengthNarrow = 0x81 // one byte follows
)

// Remote operations.
const (
	roInvoke = 1
	roResult = 2
	roError  = 3
	roLinked = 5
)

// Commands.
const (
	cmdConfirmedEvent = 1
	cmdConfirmedSet   = 5
	cmdAction         = 7
)

// Object classes, events and actions, partition 1.
const (
	partObject = 1

	classNumeric = 0x0006
	classWave    = 0x0009
	classMDS     = 0x0021
	classAlerts  = 0x0036

	eventCreated = 0x0d06
	actPoll      = 0x0c16
	actPollExt   = 0xf13b
)

// Attribute groups. 0 is all of them.
const (
	groupAlerts = 0x0801
	groupValues = 0x0803
	groupStatic = 0x0811
)

// Attributes.
const (
	attrPollProfile = 0x0001
	attrObjects     = 0x0102
	attrPatient     = 0x0902 // alarm lists
	attrTechnical   = 0x0904
	attrModel       = 0x0928
	attrProduct     = 0x092d
	attrMetric      = 0x093f
	attrMode        = 0x0946
	attrNumerics    = 0x094b // compound
	attrNumeric     = 0x0950
	attrArrays      = 0x0967 // compound
	attrArraySpec   = 0x096d
	attrArray       = 0x096e
	attrScale       = 0x096f
	attrTimeAbs     = 0x0987
	attrPeriod      = 0x098d
	attrTimeRel     = 0x098f
	attrUnit        = 0x0996
	attrFixed       = 0x0a16
	attrProfileExt  = 0xf001
	attrActive      = 0xf13e
	attrWavesWanted = 0xf23a
)

// Options of the poll profile's extension.
const (
	optNumerics = 0x80000000 // every second
	optWaves    = 0x08000000
)

// reader takes numbers off a message; bad once there was not enough.
type reader struct {
	p   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.p) {
		r.p, r.bad = nil, true
		return nil
	}
	p := r.p[:n]
	r.p = r.p[n:]
	return p
}

func (r *reader) u8() uint8 {
	if p := r.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if p := r.take(2); p != nil {
		return uint16(p[0])<<8 | uint16(p[1])
	}
	return 0
}

func (r *reader) u32() uint32 {
	return uint32(r.u16())<<16 | uint32(r.u16())
}

// part takes a length and returns a reader of that many bytes.
func (r *reader) part() reader {
	n := int(r.u16())
	return reader{p: r.take(n), bad: r.bad}
}

// list takes a count and a length, and returns the count and a reader of the
// elements.
func (r *reader) list() (int, reader) {
	n := int(r.u16())
	return n, r.part()
}

// attribute takes the next attribute of a list.
func (r *reader) attribute() (id uint16, value reader) {
	id = r.u16()
	return id, r.part()
}

// object is a managed object: its class, context and handle.
type object struct{ class, context, handle uint16 }

func (r *reader) object() object { return object{r.u16(), r.u16(), r.u16()} }

// grant is what an association's answer allows.
type grant struct {
	numerics, waves bool // periodically
}

// userData ends the presentation header of an answer.
var userData = [...]string{"\xbe\x80\x28\x80\x81", "\xbe\x80\x28\x80\x02\x01\x02\x81"}

// after returns what comes after the first of the marks that is in p, or nil.
func after(p []byte, marks ...string) []byte {
	for _, m := range marks {
		if i := bytes.Index(p, []byte(m)); i >= 0 {
			return p[i+len(m):]
		}
	}
	return nil
}

// parseUserInfo finds the poll profile in the user data of an association message;
// ok is false if there is none that can be read.
func parseUserInfo(p []byte) (mtu uint32, options uint32, ok bool) {
	whole := reader{p: p}
	r := whole.asn()
	r.take(5 * 4) // versions, functional units, system type, start-up mode
	r.list()      // options
	n, profiles := r.list()
	for range n {
		id, v := profiles.attribute()
		if profiles.bad {
			return 0, 0, false
		}
		if id == attrPollProfile {
			return parseProfile(v)
		}
	}
	return 0, 0, false
}

func (r *reader) asn() reader {
	n := int(r.u8())
	switch n {
	case asnLengthNarrow:
		n = int(r.u8())
	case asnLengthWide:
		n = int(r.u16())
	}
	return reader{p: r.take(n), bad: r.bad}
}

func parseProfile(r reader) (mtu uint32, options uint32, ok bool) {
	r.u32() // revision
	r.u32() // shortest poll period
	mtu = r.u32()
	r.take(3 * 4) // MTU of the host, bandwidth, options
	n, packages := r.list()
	if r.bad {
		return 0, 0, false
	}
	for range n {
		id, v := packages.attribute()
		if packages.bad {
			return 0, 0, false
		}
		if id == attrProfileExt {
			options = v.u32()
		}
	}
	return mtu, options, true
}
