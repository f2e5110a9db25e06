// Package intellivue reads Philips IntelliVue patient monitors (MP and MX series,
// X2) at their MIB/RS232 interface: the Data Export protocol.
//
// # Wiring and settings
//
// RS-232 at an RJ-45 socket of the monitor's MIB/RS232 board: 4 is ground, 5 sends
// and 7 receives (according to M below alone: measure before connecting). 115200
// 8N1, no flow control. The port must be configured for data export. The monitor
// says nothing before it is asked, and has one association at a time.
//
// # Layout
//
// Numbers are big-endian, those of the check sequence excepted.
//
//	frame  C0 | 11 01 length(2) | payload | FCS(2) | C1
//
// FCS is CRC-16/X-25 over header and payload, low byte first. C0, C1 and 7D between
// the ends are sent as 7D and the byte with bit 5 inverted; 7D C1 takes a frame
// back. A payload is an association message (0D request, 0E accepted, 0C refused,
// 09 release, 0A released, 19 abort) or a remote operation:
//
//	E1 00 00 02 | kind(2) length(2) | [part(1) count(1)] invoke(2) command(2) length(2) | data
//
// Kinds are 1 invoke, 2 result, 3 error and 5 linked result, which alone has part
// and count: all messages of a long result but the last. Each of them is read by
// itself. Commands are 1 event report, 5 set, 7 action. Actions are 0C16, a single
// poll, and F13B, an extended one, which makes results come by themselves. A result
// has
//
//	object(6) action(2) length(2) poll(2) [sequence(2)] running time(4) FF(8) class(4) group(2) contexts
//
// where every list is count(2) length(2) elements: contexts of number(2) and a list
// of objects, objects of handle(2) and a list of attributes, attributes of
// number(2) length(2) value. Running time is in 1/8 ms.
//
// # What the host does
//
// It asks for association every 3 s, with a shortest poll period of 1 s, an MTU of
// 1000 bytes, numerics every second and waves. When it is refused it sends an abort,
// as the monitor may hold an association with what this host was before, and asks
// again after 5 s; after an abort or a release by the monitor, after 2 s. It confirms
// the monitor's introduction (0D06), which comes after association, as often as it
// comes; if that does not come for 10 s, or nothing comes for 10 s, it sends an
// abort and begins anew.
//
// Then it asks which waves it wants (set, F23A, up to three times until confirmed),
// polls the system object (21) and what describes numerics (6, group 0811) and
// waves (9, all groups) once a minute, and asks for values (6, group 0803), alarms
// (36, group 0801) and waves (9, all groups) to come by themselves: for 30 minutes,
// asked again after 15, and when none came for 5 s. With an Interval above one
// second, and with monitors that grant no such results, values are polled one by
// one, alarms every 2 s. Waves that come and were not described are asked about at
// once. As the monitor gives up a host that it does not hear for 10 s, the alert
// monitor's description (36, group 0811) is polled every 3 s.
//
// It sends nothing else: nothing that the monitor would show, store or act on. The
// choice of waves holds for this association.
//
// # What is read
//
// Numerics with the digits as sent. Philips' physiological ids are the numbers of
// partition 2 of the nomenclature, and its units those of partition 4; both are
// passed on whether or not this program has a name for them. Code.Grade tells how
// far a number was checked. Numbers from F000 on are Philips' own, EFFF is "not
// otherwise specified", of which there may be several.
//
//	measurement state    status
//	8000 invalid         Invalid, and no number
//	4000 questionable    Questionable
//	2000 unavailable     NotAvailable, and no number
//	1000 calibrating     Calibrating
//	0800 test            TestData
//	0400 demo            DemoData
//	0080 validated       Validated
//	0040 early           Early
//	0020 ongoing         Ongoing
//	0002 in alarm        InAlarm
//	0001 inhibited       AlarmOff
//
// A value that is NaN, or the mantissa that the format reserves, is NotAvailable;
// NRes and the infinities are passed on. Numerics whose description says that they
// are limits of alarms (category 130) are left out.
//
//   - Waves, by their names for Options.Waves: ecg, ecg-i, ecg-ii, ecg-iii, ecg-avr,
//     ecg-avl, ecg-avf, ecg-v, ecg-v1 to ecg-v6, pleth, resp, abp, art, pap, cvp, icp,
//     co2, o2, paw, flow; none. At most three ECG leads and eight others. Default:
//     ecg-ii, pleth, resp, abp, art, co2, as far as the monitor has them. A wave is
//     an array of 256 ms. Its rate is that of the sample period; its scale that of
//     the scale and range specification, exactly, and none if that has no absolute
//     values; if the zero is between two samples, all are multiplied. Bits above the
//     significant ones are masked. An array is divided where samples are marked as
//     invalid, and left out if its state is unavailable. The first after missing
//     ones has the status SignalProcessing. An array that came before is left out.
//   - Alarms of both lists, up to 128 at a time, as vital.Alert when they begin, change
//     and end, with priority, latching and the monitor's words. Alert.Source is given where it is
//     a metric that has a name in the table.
//   - Maker, model, serial number and software as an event when they are first told
//     and when they change.
//   - The operating mode as an enumeration when it is first told and when it changes,
//     private code 1024<<16 | 8<<8 | 1: 8000 unspecified, 4000 monitoring, 2000
//     demonstration, 1000 service, 0002 standby, 0001 configuration. In
//     demonstration all values are DemoData.
//   - The monitor's clock as an event when it is first told and when it jumps by more
//     than 2 s against its own running time; never instead of our time.
//
// Not read: patient data and the bed's label, by intent; enumerations (099E); the
// limits and numbers of alarms, which are not sent; calibration bars; markers of
// pacer, defibrillator and QRS in samples; which alarms are silenced.
//
// # Errors on the line
//
// Frames counts frames with a right check sequence that are messages of this
// protocol; bad are the others, and runs of bytes between frames. A message whose
// lists are longer than the message gives nothing; an attribute of the wrong length
// is left out. Frames of more than 4 KB are dropped.
//
// # Sources
//
// Philips' "Data Export Interface Programming Guide" was not seen, but for its table
// of contents. What is here is in at least two of these, which do not copy each other:
//
//	O  openICE (mdpnp/mdpnp), devices/philips and interop-lab/demo-devices
//	V  xeonfusion/VSCaptureMP
//	M  mindleaving/patient-monitor-datalogger
//	P  the Perseus decoder (brarm/intellivue)
//	G  public notes with page numbers of the guide (for the MX800), and a C header
//	   that rephrases it
//
//	frame, check sequence, escapes, abort        O V M
//	association and release messages             O V M G; the bytes sent are those of V
//	time-out of 10 s, keep-alive                 O M G; V and P alike
//	introduction and its confirmation            O V M P; that it is repeated, G alone
//	polls, extended polls, set                   O V M G
//	linked results                               O V M G; that an empty result ends them, G alone
//	values, states, specials, units              O V M G
//	sample arrays, period, scale, significant    O V M G
//	invalid samples                              O M G name the mask; that all its bits are set, G
//	several waves under one handle               G; V and O keep what describes by handle
//	alarm lists, types, latching                 O M G
//	last bit of an alarm's code                  G alone, and checked against the table
//	limits of alarms as numerics                 O M G
//	model, production specification              O P G; M has another form
//	date, running time                           O V M P G
//	operating mode                               O G
//
// No recording of a monitor is public. All this was tested against the simulator
// of this package, and against no monitor.
package intellivue
