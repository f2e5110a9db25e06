// Package suntech reads SunTech blood pressure modules for building in (NIBP OEM).
//
// # A cuff is an act on a patient
//
// By default the driver starts nothing: it only reads the last result, whoever started
// that measurement. Only an Interval in the configuration makes it start measurements,
// the first one Interval after the line was opened, so that a loose cable does not
// inflate the cuff again and again; Intervals below one minute are refused, and after a
// measurement there are at least 30 s without one. A start is never repeated: whether one that was not acknowledged was heard is not known. The
// driver cannot stop a measurement: the command for that was not found.
//
// # Wiring and settings
//
// 9600 baud; 8 data bits, no parity and 1 stop bit are the usual and were not found.
//
// # Layout
//
// Every message sums to 0 modulo 256, its last byte sees to that:
//
//	host    3A 20 A6            start a measurement
//	        3A 79 05 00 48      cuff pressure?
//	        3A 79 03 00 4A      last result?
//	module  3E length data sum  the length is that of the whole message
//	        3E 04 4B 73         acknowledged
//	        3E 05 low high sum  cuff pressure in mmHg
//	        3E 18 ...           result: systolic and diastolic (2 bytes each, low first),
//	                            beats, status, 8 test codes, heart rate, a spare byte,
//	                            mean (2 bytes), error code, 2 spare bytes
//
// # What the host does
//
// It asks for the last result every 10 s. With an Interval it starts measurements,
// asks for the cuff pressure every second meanwhile, and for the result 2 s after the
// cuff was empty (below 10 mmHg) or, if it never is, after three minutes; up to three
// times, 2 s apart, until there is a new one. If the cuff does not reach 20 mmHg within
// 30 s or there is no new result, a technical alert says that the measurement failed,
// until one succeeds. A request has 1 s to be answered.
//
// # What is read
//
//   - MDC_PRESS_BLD_NONINV_SYS, _DIA and _MEAN in mm[Hg] and MDC_PULS_RATE_NON_INV in
//     /min when the result is another one than before: a result is told once. The first
//     result after the line was opened may be of any age: it has the status
//     ExtendedDisplayUpdate (an old value), unless the cuff was seen to fill and empty
//     before it. A result of nothing but zeros, before the first measurement, is none.
//   - Values of 0 or above 300 are Invalid with no value. With an error code there are
//     no values, and a technical alert until a measurement succeeds.
//
// With private codes, 1024<<16 | 7<<8 | n:
//
//	n  meaning                                     unit
//	1  error code, with every result               enumeration
//	2  status byte, with every result              enumeration
//	3  beats found during the measurement          1
//	4  cuff pressure                               mm[Hg]
//	5  a reply other than "acknowledged"           enumeration
//
// What error codes and status mean was not found: they are told as numbers. Not read: the
// test codes.
//
// # Errors on the line
//
// A message with a wrong sum or of another length is none. The sum is of eight bits: one
// flipped bit is always noticed, two may not be. Frames counts runs of bytes that belong
// to no message as bad.
//
// # Sources
//
// Tests of ak-git/DesktopFX that quote SunTech's manual, with all sums verified. The
// manual itself was not read. That source takes "3E 04 4B 73" for the end of a
// measurement; it is taken for that here only when the cuff is empty, too.
package suntech
