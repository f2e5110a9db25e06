// Package medibus reads Dräger ventilators, anaesthesia machines and monitors
// that speak MEDIBUS: Evita, Evita 2, Evita 4, Evita 2 dura, EvitaXL, Savina,
// Capnosat, and others as far as they use the same codes.
//
// # Wiring and settings
//
// RS-232, usually a 9-pin female connector: 2 RXD, 3 TXD, 5 GND of the device. The
// speed is set at the device: 19200 8E1 (Evita, Evita 2, channel A), 1200 to
// 19200 with any parity (Evita 4, EvitaXL, Savina), 19200 8N1 (Graphic Screen),
// 9600 8E1 (Capnosat, Apollo). Even parity is worth having: realtime data has no
// other check.
//
// # Layout
//
// Either side sends commands, and each is answered, always:
//
//	command  1B code [argument] C1 C2 0D
//	reply    01 code [data]     C1 C2 0D
//
// C1 C2 is the sum of all bytes before them modulo 256, in upper-case hexadecimal.
// A command may stand in the middle of a reply, with a sum of its own. A command
// with a wrong sum is answered 01 15 "16" 0D. Data are lists: a code of two
// hexadecimal digits and a value of four characters (measured data 24, limits 25
// and 26) or five (settings 29); alarms (27, 2E) are a priority, a code and twelve
// characters; texts (2A) a code, a length, the text and 03. A value that is not
// there is not in the list: there is no sentinel.
//
// Bytes from 80 on are the realtime extension and come between any two others; no
// sum includes them. A record is a sync byte 1101ssss that says which of four
// streams follow, commands (two bytes 1100xxxx; streams 5 to 12, beginning of
// inspiration or expiration), and two bytes 10llllll 10hhhhhh a stream. What a
// stream is, how often it comes and its scale is told in the reply to 53.
//
// # What the host does
//
// It sends "initialise" (51) until it is answered, every 3 s into silence and every
// 10 s otherwise, and asks who the device is (52). From then on it asks for
// measured data and alarms every Interval (default 1 s), for limits, settings and
// texts every 10 s, for the date every 10 minutes, and sends NOP (30) after 2 s
// without anything else to say. Realtime data it configures (53, 54) 200 ms after
// the device knows who we are, and enables again every 5 s. A reply has 10 s; after
// three repetitions, and after 3 s in which nothing of the slow protocol came, it
// begins anew. It answers every command of the device. DC1 silences it until DC3,
// for 3 s at most; CAN makes it repeat its last command. Nothing that MEDIBUS has
// could change a setting, and nothing but the commands named here is sent: what
// came with revision 3 of MEDIBUS (29, 2A, 53, 54) or 4 (2E) only to devices that
// say they have it.
//
// # What is read
//
// Measured data, with the digits as sent; litres become millilitres by the
// exponent. MDC codes, where public sources agree on them:
//
//	MDC_PULS_OXIM_SAT_O2              %       EB
//	MDC_PULS_OXIM_PULS_RATE           /min    E1
//	MDC_RESP_RATE                     /min    D6
//	MDC_CO2_RESP_RATE (151594)        /min    D5
//	MDC_VOL_AWAY_TIDAL                mL      82 (L), 88 (mL)
//	MDC_VOL_MINUTE_AWAY               L/min   B8, B9
//	MDC_AWAY_CO2_ET                   mm[Hg]  E6
//	MDC_CONC_AWAY_CO2_ET              %, kPa  DB, E3
//	MDC_CONC_AWAY_CO2_INSP (151716)   %, kPa, mm[Hg]  DA, FF, E5
//	MDC_CONC_AWAY_O2_INSP             %       F0
//	MDC_VENT_PRESS_AWAY_END_EXP_POS   mbar    78
//	airway pressure max (151957)      mbar    7D
//	airway pressure mean (151975)     mbar    73
//	airway pressure plateau (152424)  mbar    74
//
// Others have a private code, 1024<<16 | 3<<8 | n:
//
//	n        meaning                              unit
//	50       compliance (06, 07)                  L/bar
//	51       resistance (08, 0B)                  mbar/L/s
//	52       CO2 production (09)                  mL/min
//	53       phase: 0 inspiration, 1 expiration   enumeration
//	54       text message, the device's code      enumeration
//	55       date and time of the device          enumeration, seconds since 1970
//	69, 6F   plateau time, inspiratory time       s
//	71, 72   minimum and occlusion pressure       mbar
//	76       peak flow                            mL/s
//	79       intrinsic PEEP                       mbar
//	81, 89   trapped volume, dead space           mL
//	8A       relative dead space                  %
//	8B       volume of supported breaths          mL
//	8D       negative inspiratory force           mbar
//	91..9F   low limit of a topic                 as measured
//	A1..AF   high limit of a topic                as measured
//	B5, B7   spontaneous rate, minute volume      /min, L/min (7A, B7)
//	C1       airway temperature                   Cel
//	C6, C7   battery capacity, accuracy of FiO2   %
//	C9       rapid shallow breathing index        1/(L min)
//	E7, E8   I:E, the I and the E                 1
//	EF       expired O2                           %
//	F1       respired volume since inspiration (wave 03)    mL
//	F2, F3   inspiratory, expiratory flow (waves 20, 21)    L/min
//	F4       expired volume (wave 24)                       mL
//	F5       anaesthetic agent (wave 0A)                    %
//	01..4F   settings, by Dräger's code           the unit of the document
//
// Topics of limits: 1 peak pressure, 2 tidal volume, 3 minute volume, 4 rate, 5
// end-tidal CO2, 6 inspired CO2, 7 inspired O2, 8 SpO2, 9 pulse rate. The set tidal
// volume (04) is 16929196.
//
// A value that was seen and is not in the list any more is NaN and NotAvailable
// in every further list, until it comes back or another device is on the line.
//
//   - Alarms of both code pages as vital.Alert when they begin, change and end,
//     with the device's words, the last value and the limit where the alarm is of
//     one. Priorities 26 to 31 are high, 11 to 25 medium, 1 to 10 low; the
//     boundaries are inferred from those that Dräger calls alarm, caution and
//     advisory. The metric has the status InAlarm meanwhile; alarms of sensors are
//     statuses: no sensor, not calibrated, inoperable, warming up.
//   - Texts (ventilation mode, patient range, standby) as enumerations; one that is
//     gone, once more with NotAvailable.
//   - Waves, by their names for Options.Waves: paw, flow, pleth, volume, co2, agent,
//     inspiratory-flow, expiratory-flow, expiratory-volume; none. Default: paw, flow,
//     co2 and pleth, as far as the device has them. A wave is 32 samples, about
//     every 16 ms or slower; it is shorter before a sample that is missing.
//   - Identification, as an event when it is first told and when it changes.
//   - The device's clock, when it is asked and never instead of our time.
//
// Not read: measured data of code page 2 (2B to 2D: no public meanings), the
// device-specific command 6A, and codes that are not in the tables.
//
// A recording of the device's side does not tell which streams were asked for:
// the decoder takes those that it would have asked for itself, and none if the
// recording began after the reply to 53.
//
// # Errors on the line
//
// Frames counts replies and commands with a right sum and whole realtime records;
// bad are those with a wrong sum or form, and runs of bytes that belong to nothing.
// A reply that fails its sum gives nothing. A list whose length is wrong gives
// nothing; a value that is no number is NaN, Invalid and NotAvailable. The sum is
// of eight bits: one flipped bit is always noticed, two may not be. Realtime
// records are dropped if their form is wrong; a flipped bit in a sample is not
// noticed but by parity.
//
// # Sources
//
// "Dräger RS 232 MEDIBUS Protocol Definition" 9028258 rev. 4.03 and "MEDIBUS for
// Dräger Intensive Care Devices" 9028329, 11th edition (in KaiWU17TUM/icu_devices);
// openICE devices/draeger and xeonfusion/VSCaptureDrgVent for the settings and for
// codes of anaesthesia machines (D5, EF, 0A).
package medibus
