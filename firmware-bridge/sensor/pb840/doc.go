// Package pb840 reads Puritan Bennett 840 ventilators, and 980 as far as they answer
// alike: the answers to SNDF and SNDA, and the port that sends waves.
//
// # Wiring and settings
//
// RS-232; each serial port is set up at the ventilator ("Communication Setup"): DCI for
// the numbers, Waveforms for the waves, which is a port of its own and a sensor of its
// own here. Any speed up to 38400, 8N1; openICE uses 9600 with RTS/CTS for DCI, 38400
// for waves. Choose 38400 for both.
//
// # Layout
//
// The host sends SNDF (or SNDA, which older ventilators know) and CR:
//
//	MISCF,1225,169 ,02 field,field,...,03 CR
//	MISCA,706,97,02 field,field,...,03 CR
//
// The first number counts the characters between 02 and 03, the second the fields, each
// with its comma. Fields have a fixed width, most of six, and are padded with blanks;
// the vendor numbers them from 5. The waveform port sends, unasked, for each breath:
//
//	BS, S:number,
//	flow, pressure      50 a second, L/min and cmH2O
//	BE
//
// There is no checksum.
//
// # What the host does
//
// It asks with SNDF every Interval (default 2 s). After 3 s without a byte it asks
// again; after three times without an answer it tries SNDA, and so by turns. A port that
// sends waves is not asked for 10 s. SNDF and SNDA are all that is ever sent; neither can
// change anything at the ventilator.
//
// # What is read
//
// MDC codes, and private ones, 1024<<16 | 12<<8 | n:
//
//	SNDF  SNDA                                    unit
//	70    34    MDC_RESP_RATE                     /min
//	71    35    MDC_VOL_AWAY_TIDAL, exhaled       mL (sent in litres)
//	72    36    MDC_VOL_MINUTE_AWAY, exhaled      L/min
//	73    38    airway pressure max (151957)      cm[H2O]
//	74    39    airway pressure mean (151975)     cm[H2O]
//	77          MDC_CONC_AWAY_O2_INSP             %
//	87          MDC_VENT_PRESS_AWAY_END_EXP_POS   cm[H2O]
//	94          airway pressure plateau (152424)  cm[H2O]
//	14    11    tidal volume setting (16929196)   mL (sent in litres)
//	13    10    n=1   rate, set                   /min
//	15    12    n=2   peak flow, set              L/min
//	16    13    n=3   O2, set                     %
//	18    15    n=4   PEEP, set                   cm[H2O]
//	31    26    n=5   pressure support, set       cm[H2O]
//	46          n=6   inspiratory pressure, set   cm[H2O]
//	47          n=7   inspiratory time, set       s
//	60          n=8   ideal body weight, set      kg
//	69    40    n=9   end-inspiratory pressure    cm[H2O]
//	75    41    n=10  E of I:E, I being 1         1
//	78          n=11  inspired tidal volume       mL (sent in litres)
//	79          n=12  intrinsic PEEP              cm[H2O]
//	85          n=13  f/VT                        1/(min L)
//	86          n=14  TI/TTOT                     as sent
//	92    63    n=15  static compliance           mL/cm[H2O]
//	93    64    n=16  static resistance           cm[H2O]/L/s
//	96    65    n=17  dynamic compliance          mL/cm[H2O]
//	97    66    n=18  dynamic resistance          cm[H2O]/L/s
//	102   67    n=19  negative inspiratory force  cm[H2O]
//	8-11  9     n=20  type and modes              enumeration, text
//	            MDC_FLOW_AWAY                     L/min, wave, 50/s, 0.01
//	            MDC_PRESS_AWAY                    cm[H2O], wave, 50/s, 0.01
//
// Digits are kept. A field that is blank or OFF is not there: what was told before is
// NaN and NotAvailable then. 92 to 94 and 102 are of manoeuvres, and 0 before one was
// done: NotAvailable. What is no number is Invalid and NotAvailable.
//
//   - Alarms 106 to 153 (of SNDA 48 to 57) as vital.Alert at begin and end, with the
//     ventilator's priority LOW, MEDIUM, HIGH (of SNDA all high). NORMAL and RESET end an
//     alarm. The metric is InAlarm meanwhile.
//   - The ventilator's number as identification.
//
// Not read: settings and measurements of which one source alone tells the place, alarm
// limits, the clock (minutes), the number of a breath. Lines of waves outside a breath
// are left out.
//
// # Errors on the line
//
// Frames counts answers and lines of waves; bad are answers whose counts or form are
// wrong and other lines. Without a checksum a digit that flips to another digit is
// not noticed, and no driver could.
//
// # Sources
//
// Vendor's field tables in openICE (mdpnp/mdpnp, devices/puritanbennett, and an older
// pb840.cpp with two answers of one ventilator, four minutes apart). A place is read if a
// second source agrees: the field names of a hospital's reader (RTA-node-python,
// PB840_fields), the vendor's 980 manual (SNDA 5 to 14), or both answers of that ventilator
// showing one value in SNDF and SNDA. Exceptions: 77, of which the recording shows a
// value beside the setting; 74, which RTA-node calls otherwise and the recording
// confirms. Waves: openICE, hahnicity/ventMAP (a recording) and rapidalarm (50 Hz).
package pb840
