// Package contec reads Contec pulse oximeters: the CMS50 family with protocol V7.0
// (CMS50D+, CMS50E, CMS50F, CMS50FW and others from 2010 on) or V5.0A (older ones).
//
// # Wiring and settings
//
// A USB cable with a serial converter in it, or Bluetooth's serial port. V7: 115200
// baud, 8 data bits, no parity, 1 stop bit. V5: the vendor's document says 4800 8O1,
// public code for the same devices 19200 8N1; the driver's default is the vendor's,
// and baud and parity of the port say otherwise.
//
// # Layout
//
// V7 messages begin with a byte without bit 7, the type, and all others have bit 7.
// The second byte holds the bits 7 of those that follow, lowest first. The type says
// how long the message is. Sixty times a second while the device measures:
//
//	01 | high bits | strength, search too long, probe error | pleth, searching |
//	bar graph, no PI | pulse rate | SpO2 | PI low | PI high
//
// V5 frames are five bytes sixty times a second, and only the first has bit 7:
//
//	strength, search too long | pleth | bar graph, probe error, searching, bit 7 of
//	the rate | pulse rate | SpO2
//
// # What the host does
//
// V5 is only listened to. V7: it asks for realtime data (A1) and the device's name
// (AA) when the line is opened, for realtime data again every 2 s into silence, for
// the name twice more, and tells the device every second that it is there (AF; the
// document asks for every 5 s, public code sends it every second). It sends nothing
// else: no clock is set, nothing is asked of the memory and nothing deleted.
//
// # What is read
//
//   - MDC_PULS_OXIM_SAT_O2 in % and MDC_PULS_OXIM_PULS_RATE in /min once a second, and
//     at once when the status changes; from V7 MDC_PULS_OXIM_PERF_REL in % too, once
//     the device was seen to have it.
//   - MDC_PULS_OXIM_PLETH, 60 samples a second in runs of at most 60, without a scale;
//     a run ends where the status changes or bytes were lost. Without a finger there
//     is none: the device sends a constant then.
//   - Probe error is SensorOff, with no numbers, whatever is sent; searching, also for
//     too long, is SignalSearching and Questionable.
//   - A rate of 255, an SpO2 of 127 and a PI of FFFF are no value. What is out of the
//     document's range is Invalid with no value, and so is 0: an oximeter that finds no
//     pulse has no reading.
//   - The device's name as an event, when it is first told and when it changes.
//
// With private codes, 1024<<16 | 2<<8 | n; all but the first from V7 only, and all but
// 01, 0C, 0D and 0F only if somebody else asked for them (a recording):
//
//	n   meaning                                                     unit
//	01  signal strength, 0 to 8, once a second                      1
//	04  a user of the device: number, name                          enumeration
//	05  a stored record began: user<<8 | record, date               enumeration
//	06  the same, time of day                                       enumeration
//	07  length of a stored record, as sent                          enumeration
//	08, 09, 0A  stored SpO2, pulse rate, PI                         %, /min, %
//	0B  number of stored records of a user: user<<8 | number        enumeration
//	0C  answer to a command: command<<8 | reason, in words          enumeration
//	0D  the device disconnects: reason, in words                    enumeration
//	0E  number of users                                             enumeration
//	0F  notice: type<<8 | first byte; 0101 there are records, 0100 none  enumeration
//	10  what a stored record has: user<<16 | record<<8 | A0 or A1 with PI  enumeration
//
// Stored values have codes of their own because they were measured at another time:
// they must not pass for what is the case now.
//
// Not read: the beep and low-SpO2 flags (the document says to ignore the latter), the
// bar graph, whether PI is supported (0E: the flag in the data says the same).
//
// # Errors on the line
//
// There is no check sum in either protocol, and a flipped bit can pass as a number. The
// bits 7 tell only where a message begins: one is taken when the next begins right
// behind it; at the beginning and after lost or foreign bytes, messages wait until
// there are 18 bytes of them (V7) or 30 (V5) without a break, and are taken then. Frames counts as bad: messages that are
// too short or too long, runs of bytes that begin nothing, and messages that waited in
// vain.
//
// # Sources
//
// "Communication protocol of pulse oximeter V7.0" (in albertcbraun/CMS50FW, whose code
// gives the keep-alive and bytes of a real device), "Communication protocol (V5.0A)" (in
// nonspecialist/cms-p).
package contec
