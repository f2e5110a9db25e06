// Package nellcor reads Nellcor pulse oximeters N-595 (NPB-595) that print columns.
//
// # Wiring and settings
//
// 9600 baud, 8 data bits, no parity, 1 stop bit. The device prints by itself once its
// serial output is set to ASCII.
//
// # Layout
//
// Lines with date, time, SpO2, pulse rate, pulse amplitude and any number of status
// codes of two letters, and lines of a header that come again and again:
//
//	N-595  VERSION 1.0.0.1  CRC:1A2B  SpO2 Limit: 85-100%  PR Limit: 40-170BPM
//	       ADULT  0SAT-S  SPO2 RESP MODE: NORMAL
//	TIME                %SPO2  BPM  PA  Status
//	22-Nov-26 14:30:15    97   72   45
//	22-Nov-26 14:30:17    84*  72   45  SL
//
// "*" behind a number says that it is outside its limits, "---" that there is none. How
// wide the columns are, how often a line comes and how often the header does was not
// found: blanks part the columns, and the simulator prints a line every 2 s and a header
// every 24 lines.
//
// # What is read
//
//   - MDC_PULS_OXIM_SAT_O2 in %, MDC_PULS_OXIM_PULS_RATE in /min. A number with "*" has
//     the status InAlarm. Zero, and an SpO2 above 100, are Invalid with no value.
//   - Status codes, as statuses of both: MO interference and LM (with loss of pulse)
//     SensorInterference, LP and LM SignalNonPulsatile, PS SignalSearching, all these
//     Questionable; AO AlarmOff. SD (not plugged in) and SO (off the patient) leave no
//     numbers, whatever is printed.
//   - Status codes, as alerts when they begin and end: LB, SD and SO technical, AS (alarm
//     silenced) advisory, LM, LP, PH and PL (pulse rate), SH and SL (saturation)
//     physiological, with the value and the limit of the last header. The device gives
//     no priorities: PriorityNone, low for the technical ones.
//   - Name, version and CRC of the header as an event, when first told and when changed.
//   - The device's clock as an event, when first told and when it goes back or goes on by
//     more than a minute between two lines. Readings carry the time at which they came.
//
// With private codes, 1024<<16 | 6<<8 | n; 2 to 8 with every header:
//
//	n     meaning                                    unit
//	1     pulse amplitude                            none told
//	2, 3  low and high limit of SpO2                 %
//	4, 5  low and high limit of the pulse rate       /min
//	6     SatSeconds setting                         s
//	7     limits are for: 0 adults, 1 the newborn    enumeration
//	8     response of SpO2: 0 normal, 1 fast         enumeration
//
// Not read: the interactive mode (menus, dump of trends and errors): its lines are known
// and skipped. Status codes that are not in the list are skipped.
//
// # Errors on the line
//
// There is no check sum. A line is taken as a whole or not at all, and a digit lost is a
// wrong number that nothing shows. A last line without its end is taken only if it is as
// long as the line of data before it. Frames counts lines; bad are those of no known form.
//
// # Sources
//
// The regular expressions of openICE devices/nellcor (nellcor-n595.spec). No recording
// of a device was found.
package nellcor
