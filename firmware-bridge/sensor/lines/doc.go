// Package lines reads devices that send text: one reading or more a line, as
// key=value or as columns. It serves boards of one's own (a MAX30102 behind a
// microcontroller, say), and older Nonin oximeters (8500, 2500, 9847), which send
// "SPO2=098 HR=072" once a second.
//
// # Wiring and settings
//
// Whatever the device says; the default is 9600 baud, 8 data bits, no parity, 1
// stop bit. Lines end in LF, CR or both and have at most 512 bytes. A board that
// can be programmed should send a check sum instead: see the other families.
//
// # Three shapes
//
//   - key=value, or key:value, parted by blanks, commas or semicolons:
//     "hr=72 spo2=97%". The default.
//   - Columns with names: the first line that is no comment is a header,
//     "time,HR[bpm],SpO2[%]". A unit in brackets is not part of the name.
//   - Columns by number, for lines without a header: Field.Column.
//
// Config.Fields says which key or column is which metric. Without it, these
// names are known, in any case, and without it only:
//
//	hr, heartrate, heart_rate         MDC_ECG_HEART_RATE           /min
//	pr, pulse, pulserate, pulse_rate, bpm  MDC_PULS_RATE           /min
//	spo2, sao2, sat                   MDC_PULS_OXIM_SAT_O2         %
//	pi                                MDC_PULS_OXIM_PERF_REL       %
//	rr, resp, resprate, resp_rate     MDC_RESP_RATE                /min
//	temp, temperature                 MDC_TEMP                     Cel
//	sys, sbp, nbpsys                  MDC_PRESS_BLD_NONINV_SYS     mm[Hg]
//	dia, dbp, nbpdias                 MDC_PRESS_BLD_NONINV_DIA     mm[Hg]
//	map, mbp, nbpmean                 MDC_PRESS_BLD_NONINV_MEAN    mm[Hg]
//	etco2                             MDC_AWAY_CO2_ET              mm[Hg]
//	weight                            MDC_MASS_BODY_ACTUAL         kg
//
// As a column's name, resp needs a unit in brackets: tables of waves have a
// column RESP that is no rate. A unit in brackets that is another one (temp[F])
// makes the name unknown. The HR of an older Nonin is a pulse rate by
// oximeter; OlderNonin is the mapping that says so.
//
// Without Config.Fields and Config.Header, the first line that has no "=", no
// number in a column and at least one known name is taken for a header. A header
// that comes again, after a restart of the device, is read again.
//
// # What is read
//
// Numbers, with the digits sent: 36.60 stays 36.60. At most seven digits; a "%"
// or the unit of the field (UCUM) behind the number is skipped. Nothing at all,
// "-", "--", "---", "nan", "na", "n/a" and "null" in any case mean no value: NaN
// with the status NotAvailable. A percentage outside 0 to 100 is Invalid and has
// no number either.
//
// Not read: waves, alarms, times. Keys and columns that are not mapped are
// counted by Unknown and otherwise skipped.
//
// # Errors on the line
//
// There is no check sum, so that a digit lost is a wrong number that nothing
// shows. A line is taken as a whole or not at all: what is read in it must be
// numbers, keys must not come twice, columns must be as many as in the header.
// A port opened while the device talks begins in the middle of a line; for
// columns by number set SkipFirst, since half a number is a number.
package lines
