package intellivue

import (
	"encoding/binary"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// The presentation headers of the association request and of its answer: ISO 8823
// and 8650 in the encoding of ITU X.690, which nobody varies.
const (
	requestHeader = "\x31\x80\xa0\x80\x80\x01\x01\x00\x00\xa2\x80\xa0\x03\x00\x00\x01\xa4\x80\x30\x80\x02\x01\x01\x06\x04\x52\x01\x00\x01" +
		"\x30\x80\x06\x02\x51\x01\x00\x00\x00\x00\x30\x80\x02\x01\x02\x06\x0c\x2a\x86\x48\xce\x14\x02\x01\x00\x00\x00\x01\x01" +
		"\x30\x80\x06\x0c\x2a\x86\x48\xce\x14\x02\x01\x00\x00\x00\x02\x01\x00\x00\x00\x00\x00\x00\x61\x80\x30\x80\x02\x01\x01\xa0\x80\x60\x80" +
		"\xa1\x80\x06\x0c\x2a\x86\x48\xce\x14\x02\x01\x00\x00\x00\x03\x01\x00\x00\xbe\x80\x28\x80\x06\x0c\x2a\x86\x48\xce\x14\x02\x01\x00\x00\x00" +
		"\x01\x01\x02\x01\x02\x81"
	acceptHeader = "\x31\x80\xa0\x80\x80\x01\x01\x00\x00\xa2\x80\xa0\x03\x00\x00\x01\xa5\x80\x30\x80\x80\x01\x00\x81\x02\x51\x01\x00\x00" +
		"\x30\x80\x80\x01\x00\x81\x0c\x2a\x86\x48\xce\x14\x02\x01\x00\x00\x00\x02\x01\x00\x00\x00\x00\x61\x80\x30\x80\x02\x01\x01\xa0\x80\x61\x80" +
		"\xa1\x80\x06\x0c\x2a\x86\x48\xce\x14\x02\x01\x00\x00\x00\x03\x01\x00\x00\xa2\x03\x02\x01\x00\xa3\x05\xa1\x03\x02\x01\x00\xbe\x80\x28\x80\x02\x01\x02\x81"

	releaseRequest = "\x09\x18\xc1\x16\x61\x80\x30\x80\x02\x01\x01\xa0\x80\x62\x80\x80\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	releaseAnswer  = "\x0a\x18\xc1\x16\x61\x80\x30\x80\x02\x01\x01\xa0\x80\x63\x80\x80\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	abort          = "\x19\x2e\x11\x01\x03\xc1\x29\xa0\x80\xa0\x80\x30\x80\x02\x01\x01\x06\x02\x51\x01\x00\x00\x00\x00\x61\x80\x30\x80\x02\x01\x01" +
		"\xa0\x80\x64\x80\x80\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
)

// What both sides say of themselves.
const (
	protocolVersion     = 0x80000000
	nomenclatureVersion = 0x40000000
	systemClient        = 0x80000000
	systemServer        = 0x00800000
	coldStart           = 0x20000000
	profileRevision     = 0x80000000
	dynamicObjects      = 0x60000000 // objects may come and go
	anyBandwidth        = 0xffffffff
	mtu                 = 1000 // the most that the serial interface can
	mtuMin              = 300
	shortestPoll        = ticks // a second
)

// supported are the object classes that all known hosts name, and how many of each;
// 5 are enumerations and 2A is the patient, of which nothing is asked here.
var supported = [...]struct{ class, instances uint16 }{
	{classMDS, 1}, {classNumeric, 0xc9}, {classWave, 0x3c}, {0x0005, 0x10}, {0x002a, 1}, {classAlerts, 1},
}

// writer appends to a message; sizes are filled in afterwards.
type writer []byte

func (w *writer) u8(x ...byte) { *w = append(*w, x...) }
func (w *writer) u16(x ...uint16) {
	for _, x := range x {
		*w = binary.BigEndian.AppendUint16(*w, x)
	}
}
func (w *writer) u32(x ...uint32) {
	for _, x := range x {
		*w = binary.BigEndian.AppendUint32(*w, x)
	}
}

// open leaves room for a length of two bytes, which close fills in.
func (w *writer) open() int {
	w.u16(0)
	return len(*w)
}

func (w *writer) close(at int) {
	binary.BigEndian.PutUint16((*w)[at-2:], uint16(len(*w)-at))
}

// extended appends a length as in the association: one byte, or FF and two.
func (w *writer) extended(n int) {
	if n < lengthLong {
		w.u8(byte(n))
		return
	}
	w.u8(lengthLong)
	w.u16(uint16(n))
}

// appendAssociation appends an association request, or its answer.
func appendAssociation(dst []byte, kind byte, header string, system, profileMTU, options uint32) []byte {
	user := userInfo(system, profileMTU, options)
	body := len(header) + 3 + len(user) + trailerLen
	w := writer(dst)
	w.u8(kind)
	w.extended(len(sessionData) + 1 + lengthOf(body) + body)
	w.u8([]byte(sessionData)...)
	w.u8(presentation)
	w.extended(body)
	w.u8([]byte(header)...)
	w.u8(asnLengthWide)
	w.u16(uint16(len(user)))
	w.u8(user...)
	return append(w, make([]byte, trailerLen)...)
}

func lengthOf(n int) int {
	if n < lengthLong {
		return 1
	}
	return 3
}

func userInfo(system, profileMTU, options uint32) []byte {
	var w writer
	w.u32(protocolVersion, nomenclatureVersion, 0, system, coldStart)
	w.u16(0, 0) // options
	w.u16(2)
	profiles := w.open()
	w.u16(attrPollProfile)
	profile := w.open()
	w.u32(profileRevision, shortestPoll, profileMTU, profileMTU, anyBandwidth, dynamicObjects)
	w.u16(1)
	packages := w.open()
	w.u16(attrProfileExt)
	extension := w.open()
	w.u32(options)
	w.u16(0, 0)
	w.close(extension)
	w.close(packages)
	w.close(profile)
	w.u16(attrObjects)
	objects := w.open()
	w.u16(uint16(len(supported)))
	list := w.open()
	for _, s := range supported {
		w.u16(partObject, s.class, 0, s.instances)
	}
	w.close(list)
	w.close(objects)
	w.close(profiles)
	return w
}

// operation begins a remote operation; the lengths are open.
func (w *writer) operation(kind, invoke, command uint16) (outer, inner int) {
	w.u16(dataExport<<8, dataContext, kind)
	outer = w.open()
	w.u16(invoke, command)
	return outer, w.open()
}

// appendPoll appends a request for the attributes of a group of all objects of a
// class: once if active is 0, and otherwise periodically for so many 1/8 ms.
func appendPoll(dst []byte, invoke, class, group uint16, active uint32) []byte {
	w := writer(dst)
	outer, inner := w.operation(roInvoke, invoke, cmdAction)
	w.u16(classMDS, 0, 0, 0, 0) // the object and a scope
	if active == 0 {
		w.u16(actPoll)
	} else {
		w.u16(actPollExt)
	}
	action := w.open()
	w.u16(invoke, partObject, class, group)
	if active != 0 {
		w.u16(1, 8, attrActive, 4)
		w.u32(active)
	}
	w.close(action)
	w.close(inner)
	w.close(outer)
	return w
}

// appendWanted appends a request to replace the list of waves that are sent.
func appendWanted(dst []byte, invoke uint16, labels []vital.Code) []byte {
	w := writer(dst)
	outer, inner := w.operation(roInvoke, invoke, cmdConfirmedSet)
	w.u16(classMDS, 0, 0, 0, 0, 1)
	list := w.open()
	w.u16(0, attrWavesWanted) // replace
	value := w.open()
	w.u16(uint16(len(labels)), uint16(4*len(labels)))
	for _, l := range labels {
		w.u32(uint32(l))
	}
	w.close(value)
	w.close(list)
	w.close(inner)
	w.close(outer)
	return w
}

// event is a report that waits to be confirmed.
type event struct {
	waits   bool
	created bool
	invoke  uint16
	object  object
	at      uint32
	kind    uint16
}

// appendConfirmation appends the answer to an event.
func appendConfirmation(dst []byte, e *event) []byte {
	w := writer(dst)
	outer, inner := w.operation(roResult, e.invoke, cmdConfirmedEvent)
	w.u16(e.object.class, e.object.context, e.object.handle)
	w.u32(e.at)
	w.u16(e.kind, 0)
	w.close(inner)
	w.close(outer)
	return w
}
