// Package gedri reads GE (Datex-Ohmeda) patient monitors through the S/5 computer
// interface: S/5 and Cardiocap 5, B20 to B125, CARESCAPE B450, B650 and B850.
//
// # Wiring and settings
//
// RS-232, 9 pins: 2 receives, 3 transmits, 5 GND, 7 RTS, 8 CTS on monitors with
// a male connector; 2 and 3, 7 and 8 the other way round on B20, B40, B105 and B125.
// CARESCAPE monitors have USB and want an adapter (ATEN UC-232A) on their side. 19200
// baud, or 115200 on CARESCAPE 3 and later; 8 data bits, even parity, 1 stop bit,
// and RTS/CTS: a monitor whose CTS is off for 2 s stops sending waves.
//
// # Layout
//
// A frame is 7E, record, sum, 7E. The sum is that of all bytes of the record modulo
// 256; 7E and 7D in record and sum are sent as 7D 5E and 7D 5D. All is little endian.
// A record begins with 40 bytes, among them its length, a number, the level of the
// interface, the plug of the monitor, the time, the type (0 numbers, 1 waves, 4
// alarms) and where up to eight sub-records are. A sub-record of numbers has 278
// bytes: time, groups, class (0 basic, 1 to 3 extended). A group is a status of 32
// bits, a label of 16 bits, and values of 16 bits. A sub-record of a wave is the
// number of samples, a status, a label, and the samples.
//
// # What the host does
//
// It asks for displayed numbers every Interval (whole seconds from 5 on, default
// 5), all four classes, and for the waves; both again when nothing of the kind comes:
// numbers after two intervals and 5 s, waves after 5 s and then every 30 s.
// If no waves are wanted it asks the monitor to stop them once: an earlier host may
// have left it sending. Nothing else is sent.
//
// # What is read
//
// Each value with two decimals (or as the table of the document has it), as sent.
// MDC codes:
//
//	MDC_ECG_HEART_RATE               /min   heart rate, if its source is the ECG
//	MDC_BLD_PULS_RATE_INV            /min   heart rate or pulse from an arterial pressure
//	MDC_PULS_RATE                    /min   heart rate from SpO2, or from what is not told
//	MDC_ECG_AMPL_ST_*                mm     ST of I, II, III, aVR, aVL, aVF, V; no unit code
//	MDC_ECG_V_P_C_RATE               /min
//	MDC_TTHOR_RESP_RATE              /min   from ECG impedance
//	MDC_PRESS_BLD_NONINV_SYS ...     mm[Hg]
//	MDC_PULS_RATE_NON_INV            /min
//	MDC_PRESS_BLD_ART_SYS ...        mm[Hg] label ART; ABP, PA, CVP likewise
//	MDC_TEMP_*                       Cel    labels ESO, NASO, TYMP, RECT, SKIN, CORE; T1: MDC_TEMP
//	MDC_TEMP_BLD                     Cel
//	MDC_PULS_OXIM_SAT_O2             %
//	MDC_PULS_OXIM_PULS_RATE          /min
//	MDC_CONC_AWAY_CO2_ET, _INSP      %
//	MDC_CO2_RESP_RATE                /min   MDC_RESP_RATE if it is from impedance
//	MDC_CONC_AWAY_O2_INSP            %
//	MDC_AWAY_RESP_RATE               /min   from spirometry
//	airway pressure max (151957), mean (151975), plateau (152424) cm[H2O]
//	MDC_VENT_PRESS_AWAY_END_EXP_POS  cm[H2O]
//	MDC_VOL_AWAY_TIDAL               mL     expired
//	MDC_VOL_MINUTE_AWAY              L/min  expired
//
// Private codes, 1024<<16 | 4<<8 | n:
//
//	n       meaning                                          unit
//	01      ambient pressure                                 mm[Hg]
//	02      expired O2                                       %
//	03, 04  N2O expired, inspired                            %
//	05, 06  anaesthetic agent expired, inspired              %
//	07, 09  MAC, MAC corrected for age                       1
//	08      agent: 2 HAL 3 ENF 4 ISO 5 DES 6 SEV             enumeration
//	0A      inspired tidal volume                            mL
//	0B      compliance                                       mL/cm[H2O]
//	0C      cardiac output                                   mL/min
//	0D, 0E  right heart ejection fraction, wedge pressure    %, mm[Hg]
//	0F, 10  NMT twitch 1, train-of-four ratio                %
//	11, 12  greatest, least heart rate                       /min
//	13..15  SO2, SaO2, SvO2                                  %
//	16      pleth amplitude                                  %
//	17      R to R interval                                  s
//	18      arrhythmias, a bit each                          enumeration, table 3-51 of the document
//	19..1E  ST of V1 to V6                                   mm
//	1F..21  second SpO2, its pulse rate and amplitude        %, /min, %
//	22      NMT count                                        1
//	23..26  BIS, its signal quality, EMG, suppression ratio  1, %, dB, %
//	27..29  state and response entropy, burst suppression    1, 1, %
//	2A      surgical pleth index                             1
//	2B, 2C  VO2, VCO2                                        mL/min
//	2D, 2E  energy expenditure, respiratory quotient         kcal/24 h, 1
//	2F, 32  intrinsic, extrinsic PEEP                        cm[H2O]
//	30      airway resistance                                cm[H2O]/(L/s)
//	31, 33  minute volume inspired, spontaneous              L/min
//	34..36  I:E, time of inspiration, of expiration          1, s, s
//	37, 38  systolic, pulse pressure variation               mm[Hg], %
//	39, 3A  cerebral perfusion pressure, a second one        mm[Hg]
//	3B      pacer pulse in a wave                            enumeration, the wave's type
//	3C      time of the monitor                              enumeration, seconds since 1970
//	40+t    wave of type t without an MDC code (O2 10, N2O 11, agent 12, volume 23, tonometry 24, entropy 32, BIS 35)
//	68+l    temperature with label l                         Cel
//	80+4l   pressure with label l: sys, dia, mean, rate      mm[Hg], /min
//	DC+l    wave of a pressure with label l                  mm[Hg]
//
// Labels of pressures are ART 1, CVP 2, PA 3, RAP 4, RVP 5, LAP 6, ICP 7, ABP 8, P1
// to P6 9 to 14, SP 15, FEM 16, UAC 17, UVC 18, ICP2 19, P7 20, P8 21, FEMV 22; of
// temperatures BLAD 5, AXIL 6, AIRW 8, ROOM 9, MYO 10, T2 to T4 12 to 14, SURF 16, T5
// 17, T6 18. A second channel with a label that another has goes by its number, P1
// to P8.
//
//   - -32767 is NaN, Invalid and NotAvailable; -32766 (not updated) and others down
//     from -32001 NaN and NotAvailable; -32762 (not calibrated) NaN, NotAvailable and
//     Calibrating; -32764 and -32763 negative and positive infinity, Questionable.
//   - A group that does not exist gives nothing, or NaN, NotAvailable and
//     SensorDisconnected if it did before; the numbers of one that is not active are
//     Questionable. Values with private codes appear when they first are a number.
//   - Status bits of groups as statuses (noise, artifact, learning, lead off, zeroing,
//     calibrating, measurement off, cables and sensors) and as alerts when they begin
//     and end: asystole, apnoea, occlusion, leak, disconnection, obstruction. The record
//     gives no priority: the first two are given as high, the others as low.
//   - NIBP that is older than 60 s has ExtendedDisplayUpdate, one being measured Ongoing.
//   - Waves by their names for Options.Waves: ecg1 ecg2 ecg3 (300/s), p1 to p8, pleth
//     (100/s), co2 o2 n2o agent paw flow volume resp (25/s), tonometry (25/s),
//     entropy (100/s), bis (300/s); none. At most 8, and 600 samples a second. Default:
//     ecg1 p1 pleth co2 resp. The lead of an ECG and the label of a pressure come
//     with the numbers; before them they are MDC_ECG_ELEC_POTL and P1 to P8. A wave
//     with the status "lead off" has SensorOff and Questionable, after a gap
//     SignalProcessing. Samples from -32000 down are none: the wave ends there and
//     another begins after them.
//   - Level and plug of the monitor as an event, when first seen and when they change.
//
// Not read: alarm records (public sources disagree about the width of their fields),
// trends (averages of what is displayed), the auxiliary record, EEG (two sampling
// rates that records do not tell apart), 12-lead ECG, second pleth and high-resolution
// respiration, PiCCO, tonometry numbers, NMT's post-tetanic count, balance gas.
//
// # Errors on the line
//
// Frames counts records whose sum, length and offsets are right; bad are the others,
// and runs of bytes outside frames. A record that fails gives nothing. The sum is of
// eight bits: one flipped bit is always noticed, two may not be.
//
// # Sources
//
// GE 8005313, "S/5 System Interface, Datex-Ohmeda Record Specification", 12th edition,
// and M1017617, "S/5 Computer Interface Specification" (both in
// KaiWU17TUM/icu_devices); xeonfusion/VSCaptureWave.
package gedri
