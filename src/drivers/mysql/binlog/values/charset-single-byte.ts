/**
 * The character sets of one byte a character, as the servers themselves convert them to utf8mb4: all 256 bytes
 * of each were asked of MySQL 5.6, MySQL 9.7 and MariaDB 10.11, which agree. A byte from 80 on that
 * is not named is not defined in the set: the server sends a question mark for it.
 *
 * Notation: `80=20ac` maps byte 80 to U+20AC; `a0=a0*96` maps 96 bytes from a0 on to 96 code points from U+00A0
 * on. Bytes below 80 that are not named are ASCII.
 */
export const singleByteRuns: Readonly<Record<string, string>> = {
  armscii8:
    '80=80*33 a1=2741 a2=a7 a3=589 a4=29 a5=28 a6=bb a7=ab a8=2014 a9=2e aa=55d ab=2c*2 ' +
    'ad=55f ae=2026 af=55c b0=55b b1=55e b2=531 b3=561 b4=532 b5=562 b6=533 b7=563 b8=534 ' +
    'b9=564 ba=535 bb=565 bc=536 bd=566 be=537 bf=567 c0=538 c1=568 c2=539 c3=569 c4=53a ' +
    'c5=56a c6=53b c7=56b c8=53c c9=56c ca=53d cb=56d cc=53e cd=56e ce=53f cf=56f d0=540 ' +
    'd1=570 d2=541 d3=571 d4=542 d5=572 d6=543 d7=573 d8=544 d9=574 da=545 db=575 dc=546 ' +
    'dd=576 de=547 df=577 e0=548 e1=578 e2=549 e3=579 e4=54a e5=57a e6=54b e7=57b e8=54c ' +
    'e9=57c ea=54d eb=57d ec=54e ed=57e ee=54f ef=57f f0=550 f1=580 f2=551 f3=581 f4=552 ' +
    'f5=582 f6=553 f7=583 f8=554 f9=584 fa=555 fb=585 fc=556 fd=586 fe=2019 ff=27',
  ascii: '',
  cp1250:
    '80=20ac 82=201a 84=201e 85=2026 86=2020*2 89=2030 8a=160 8b=2039 8c=15a 8d=164 8e=17d ' +
    '8f=179 91=2018*2 93=201c*2 95=2022 96=2013*2 99=2122 9a=161 9b=203a 9c=15b 9d=165 9e=17e ' +
    '9f=17a a0=a0 a1=2c7 a2=2d8 a3=141 a4=a4 a5=104 a6=a6*4 aa=15e ab=ab*4 af=17b b0=b0*2 ' +
    'b2=2db b3=142 b4=b4*5 b9=105 ba=15f bb=bb bc=13d bd=2dd be=13e bf=17c c0=154 c1=c1*2 ' +
    'c3=102 c4=c4 c5=139 c6=106 c7=c7 c8=10c c9=c9 ca=118 cb=cb cc=11a cd=cd*2 cf=10e d0=110 ' +
    'd1=143 d2=147 d3=d3*2 d5=150 d6=d6*2 d8=158 d9=16e da=da db=170 dc=dc*2 de=162 df=df ' +
    'e0=155 e1=e1*2 e3=103 e4=e4 e5=13a e6=107 e7=e7 e8=10d e9=e9 ea=119 eb=eb ec=11b ed=ed*2 ' +
    'ef=10f f0=111 f1=144 f2=148 f3=f3*2 f5=151 f6=f6*2 f8=159 f9=16f fa=fa fb=171 fc=fc*2 ' +
    'fe=163 ff=2d9',
  cp1251:
    '80=402*2 82=201a 83=453 84=201e 85=2026 86=2020*2 88=20ac 89=2030 8a=409 8b=2039 8c=40a ' +
    '8d=40c 8e=40b 8f=40f 90=452 91=2018*2 93=201c*2 95=2022 96=2013*2 99=2122 9a=459 9b=203a ' +
    '9c=45a 9d=45c 9e=45b 9f=45f a0=a0 a1=40e a2=45e a3=408 a4=a4 a5=490 a6=a6*2 a8=401 a9=a9 ' +
    'aa=404 ab=ab*4 af=407 b0=b0*2 b2=406 b3=456 b4=491 b5=b5*3 b8=451 b9=2116 ba=454 bb=bb ' +
    'bc=458 bd=405 be=455 bf=457 c0=410*64',
  cp1256:
    '80=20ac 81=67e 82=201a 83=192 84=201e 85=2026 86=2020*2 88=2c6 89=2030 8b=2039 8c=152 ' +
    '8d=686 8e=698 90=6af 91=2018*2 93=201c*2 95=2022 96=2013*2 99=2122 9b=203a 9c=153 ' +
    '9d=200c*2 a0=a0 a1=60c a2=a2*8 ab=ab*15 ba=61b bb=bb*4 bf=61f c1=621*22 d7=d7 d8=637*4 ' +
    'dc=640*4 e0=e0 e1=644 e2=e2 e3=645*4 e7=e7*5 ec=649*2 ee=ee*2 f0=64b*4 f4=f4 f5=64f*2 ' +
    'f7=f7 f8=651 f9=f9 fa=652 fb=fb*2 fd=200e*2',
  cp1257:
    '80=20ac 82=201a 84=201e 85=2026 86=2020*2 89=2030 8b=2039 8d=a8 8e=2c7 8f=b8 91=2018*2 ' +
    '93=201c*2 95=2022 96=2013*2 99=2122 9b=203a 9d=af 9e=2db a0=a0 a2=a2*3 a6=a6*2 a8=d8 ' +
    'a9=a9 aa=156 ab=ab*4 af=c6 b0=b0*8 b8=f8 b9=b9 ba=157 bb=bb*4 bf=e6 c0=104 c1=12e c2=100 ' +
    'c3=106 c4=c4*2 c6=118 c7=112 c8=10c c9=c9 ca=179 cb=116 cc=122 cd=136 ce=12a cf=13b ' +
    'd0=160 d1=143 d2=145 d3=d3 d4=14c d5=d5*3 d8=172 d9=141 da=15a db=16a dc=dc dd=17b ' +
    'de=17d df=df e0=105 e1=12f e2=101 e3=107 e4=e4*2 e6=119 e7=113 e8=10d e9=e9 ea=17a ' +
    'eb=117 ec=123 ed=137 ee=12b ef=13c f0=161 f1=144 f2=146 f3=f3 f4=14d f5=f5*3 f8=173 ' +
    'f9=142 fa=15b fb=16b fc=fc fd=17c fe=17e ff=2d9',
  cp850:
    '80=c7 81=fc 82=e9 83=e2 84=e4 85=e0 86=e5 87=e7 88=ea*2 8a=e8 8b=ef 8c=ee 8d=ec 8e=c4*2 ' +
    '90=c9 91=e6 92=c6 93=f4 94=f6 95=f2 96=fb 97=f9 98=ff 99=d6 9a=dc 9b=f8 9c=a3 9d=d8 ' +
    '9e=d7 9f=192 a0=e1 a1=ed a2=f3 a3=fa a4=f1 a5=d1 a6=aa a7=ba a8=bf a9=ae aa=ac ab=bd ' +
    'ac=bc ad=a1 ae=ab af=bb b0=2591*3 b3=2502 b4=2524 b5=c1*2 b7=c0 b8=a9 b9=2563 ba=2551 ' +
    'bb=2557 bc=255d bd=a2 be=a5 bf=2510 c0=2514 c1=2534 c2=252c c3=251c c4=2500 c5=253c ' +
    'c6=e3 c7=c3 c8=255a c9=2554 ca=2569 cb=2566 cc=2560 cd=2550 ce=256c cf=a4 d0=f0 d1=d0 ' +
    'd2=ca*2 d4=c8 d5=131 d6=cd*3 d9=2518 da=250c db=2588 dc=2584 dd=a6 de=cc df=2580 e0=d3 ' +
    'e1=df e2=d4 e3=d2 e4=f5 e5=d5 e6=b5 e7=fe e8=de e9=da*2 eb=d9 ec=fd ed=dd ee=af ef=b4 ' +
    'f0=ad f1=b1 f2=2017 f3=be f4=b6 f5=a7 f6=f7 f7=b8 f8=b0 f9=a8 fa=b7 fb=b9 fc=b3 fd=b2 ' +
    'fe=25a0 ff=a0',
  cp852:
    '80=c7 81=fc 82=e9 83=e2 84=e4 85=16f 86=107 87=e7 88=142 89=eb 8a=150*2 8c=ee 8d=179 ' +
    '8e=c4 8f=106 90=c9 91=139*2 93=f4 94=f6 95=13d*2 97=15a*2 99=d6 9a=dc 9b=164*2 9d=141 ' +
    '9e=d7 9f=10d a0=e1 a1=ed a2=f3 a3=fa a4=104*2 a6=17d*2 a8=118*2 aa=ac ab=17a ac=10c ' +
    'ad=15f ae=ab af=bb b0=2591*3 b3=2502 b4=2524 b5=c1*2 b7=11a b8=15e b9=2563 ba=2551 ' +
    'bb=2557 bc=255d bd=17b*2 bf=2510 c0=2514 c1=2534 c2=252c c3=251c c4=2500 c5=253c ' +
    'c6=102*2 c8=255a c9=2554 ca=2569 cb=2566 cc=2560 cd=2550 ce=256c cf=a4 d0=111 d1=110 ' +
    'd2=10e d3=cb d4=10f d5=147 d6=cd*2 d8=11b d9=2518 da=250c db=2588 dc=2584 dd=162 de=16e ' +
    'df=2580 e0=d3 e1=df e2=d4 e3=143*2 e5=148 e6=160*2 e8=154 e9=da ea=155 eb=170 ec=fd ' +
    'ed=dd ee=163 ef=b4 f0=ad f1=2dd f2=2db f3=2c7 f4=2d8 f5=a7 f6=f7 f7=b8 f8=b0 f9=a8 ' +
    'fa=2d9 fb=171 fc=158*2 fe=25a0 ff=a0',
  cp866:
    '80=410*48 b0=2591*3 b3=2502 b4=2524 b5=2561*2 b7=2556 b8=2555 b9=2563 ba=2551 bb=2557 ' +
    'bc=255d bd=255c be=255b bf=2510 c0=2514 c1=2534 c2=252c c3=251c c4=2500 c5=253c ' +
    'c6=255e*2 c8=255a c9=2554 ca=2569 cb=2566 cc=2560 cd=2550 ce=256c cf=2567*2 d1=2564*2 ' +
    'd3=2559 d4=2558 d5=2552*2 d7=256b d8=256a d9=2518 da=250c db=2588 dc=2584 dd=258c ' +
    'de=2590 df=2580 e0=440*16 f0=401 f1=451 f2=404 f3=454 f4=407 f5=457 f6=40e f7=45e f8=b0 ' +
    'f9=2219 fa=b7 fb=221a fc=207f fd=b2 fe=25a0 ff=a0',
  dec8:
    '80=80*36 a5=a5 a7=a7 a8=a4 a9=a9*3 b0=b0*4 b5=b5*3 b9=b9*5 bf=bf*17 d1=d1*6 d7=152 ' +
    'd8=d8*5 dd=178 df=df*17 f1=f1*6 f7=153 f8=f8*5 fd=ff',
  geostd8:
    '80=20ac 82=201a 84=201e 85=2026 86=2020*2 89=2030 8b=2039 91=2018*2 93=201c*2 95=2022 ' +
    '96=2013*2 9b=203a a0=a0*32 c0=10d0*7 c7=10f1 c8=10d7*6 ce=10f2 cf=10dd*6 d5=10f3 ' +
    'd6=10e3*12 e2=10f4 e3=10ef*2 e5=10f5 fd=2116',
  greek:
    '80=80*33 a1=2bd a2=2bc a3=a3 a6=a6*4 ab=ab*3 af=2015 b0=b0*4 b4=384*3 b7=b7 b8=388*3 ' +
    'bb=bb bc=38c bd=bd be=38e*20 d3=3a3*44',
  hebrew:
    '80=80*33 a2=a2*8 aa=d7 ab=ab*4 af=203e b0=b0*10 ba=f7 bb=bb*4 df=2017 e0=5d0*27 ' +
    'fd=200e*2',
  hp8:
    '80=80*33 a1=c0 a2=c2 a3=c8 a4=ca*2 a6=ce*2 a8=b4 a9=2cb aa=2c6 ab=a8 ac=2dc ad=d9 ae=db ' +
    'af=20a4 b0=af b1=dd b2=fd b3=b0 b4=c7 b5=e7 b6=d1 b7=f1 b8=a1 b9=bf ba=a4 bb=a3 bc=a5 ' +
    'bd=a7 be=192 bf=a2 c0=e2 c1=ea c2=f4 c3=fb c4=e1 c5=e9 c6=f3 c7=fa c8=e0 c9=e8 ca=f2 ' +
    'cb=f9 cc=e4 cd=eb ce=f6 cf=fc d0=c5 d1=ee d2=d8 d3=c6 d4=e5 d5=ed d6=f8 d7=e6 d8=c4 ' +
    'd9=ec da=d6 db=dc dc=c9 dd=ef de=df df=d4 e0=c1 e1=c3 e2=e3 e3=d0 e4=f0 e5=cd e6=cc ' +
    'e7=d3 e8=d2 e9=d5 ea=f5 eb=160*2 ed=da ee=178 ef=ff f0=de f1=fe f2=b7 f3=b5*2 f5=be ' +
    'f6=2014 f7=bc*2 f9=aa fa=ba fb=ab fc=25a0 fd=bb fe=b1',
  keybcs2:
    '80=10c 81=fc 82=e9 83=10f 84=e4 85=10e 86=164 87=10d 88=11b 89=11a 8a=139 8b=cd 8c=13e ' +
    '8d=13a 8e=c4 8f=c1 90=c9 91=17e 92=17d 93=f4 94=f6 95=d3 96=16f 97=da 98=fd 99=d6 9a=dc ' +
    '9b=160 9c=13d 9d=dd 9e=158 9f=165 a0=e1 a1=ed a2=f3 a3=fa a4=148 a5=147 a6=16e a7=d4 ' +
    'a8=161 a9=159 aa=155 ab=154 ac=bc ad=a1 ae=ab af=bb b0=2591*3 b3=2502 b4=2524 b5=2561*2 ' +
    'b7=2556 b8=2555 b9=2563 ba=2551 bb=2557 bc=255d bd=255c be=255b bf=2510 c0=2514 c1=2534 ' +
    'c2=252c c3=251c c4=2500 c5=253c c6=255e*2 c8=255a c9=2554 ca=2569 cb=2566 cc=2560 ' +
    'cd=2550 ce=256c cf=2567*2 d1=2564*2 d3=2559 d4=2558 d5=2552*2 d7=256b d8=256a d9=2518 ' +
    'da=250c db=2588 dc=2584 dd=258c de=2590 df=2580 e0=3b1 e1=df e2=393 e3=3c0 e4=3a3 e5=3c3 ' +
    'e6=b5 e7=3c4 e8=3a6 e9=398 ea=3a9 eb=3b4 ec=221e ed=3c6 ee=3b5 ef=2229 f0=2261 f1=b1 ' +
    'f2=2265 f3=2264 f4=2320*2 f6=f7 f7=2248 f8=b0 f9=2219 fa=b7 fb=221a fc=207f fd=b2 ' +
    'fe=25a0 ff=a0',
  koi8r:
    '80=2500 81=2502 82=250c 83=2510 84=2514 85=2518 86=251c 87=2524 88=252c 89=2534 8a=253c ' +
    '8b=2580 8c=2584 8d=2588 8e=258c 8f=2590*4 93=2320 94=25a0 95=2219*2 97=2248 98=2264*2 ' +
    '9a=a0 9b=2321 9c=b0 9d=b2 9e=b7 9f=f7 a0=2550*3 a3=451 a4=2553*15 b3=401 b4=2562*11 ' +
    'bf=a9 c0=44e c1=430*2 c3=446 c4=434*2 c6=444 c7=433 c8=445 c9=438*8 d1=44f d2=440*4 ' +
    'd6=436 d7=432 d8=44c d9=44b da=437 db=448 dc=44d dd=449 de=447 df=44a e0=42e e1=410*2 ' +
    'e3=426 e4=414*2 e6=424 e7=413 e8=425 e9=418*8 f1=42f f2=420*4 f6=416 f7=412 f8=42c ' +
    'f9=42b fa=417 fb=428 fc=42d fd=429 fe=427 ff=42a',
  koi8u:
    '80=2500 81=2502 82=250c 83=2510 84=2514 85=2518 86=251c 87=2524 88=252c 89=2534 8a=253c ' +
    '8b=2580 8c=2584 8d=2588 8e=258c 8f=2590*4 93=2320 94=25a0 95=2022 96=221a 97=2248 ' +
    '98=2264*2 9a=a0 9b=2321 9c=b0 9d=b2 9e=b7 9f=f7 a0=2550*3 a3=451 a4=454 a5=2554 a6=456*2 ' +
    'a8=2557*5 ad=491 ae=255d*5 b3=401 b4=404 b5=2563 b6=406*2 b8=2566*5 bd=490 be=256c bf=a9 ' +
    'c0=44e c1=430*2 c3=446 c4=434*2 c6=444 c7=433 c8=445 c9=438*8 d1=44f d2=440*4 d6=436 ' +
    'd7=432 d8=44c d9=44b da=437 db=448 dc=44d dd=449 de=447 df=44a e0=42e e1=410*2 e3=426 ' +
    'e4=414*2 e6=424 e7=413 e8=425 e9=418*8 f1=42f f2=420*4 f6=416 f7=412 f8=42c f9=42b ' +
    'fa=417 fb=428 fc=42d fd=429 fe=427 ff=42a',
  latin1:
    '80=20ac 81=81 82=201a 83=192 84=201e 85=2026 86=2020*2 88=2c6 89=2030 8a=160 8b=2039 ' +
    '8c=152 8d=8d 8e=17d 8f=8f*2 91=2018*2 93=201c*2 95=2022 96=2013*2 98=2dc 99=2122 9a=161 ' +
    '9b=203a 9c=153 9d=9d 9e=17e 9f=178 a0=a0*96',
  latin2:
    '80=80*33 a1=104 a2=2d8 a3=141 a4=a4 a5=13d a6=15a a7=a7*2 a9=160 aa=15e ab=164 ac=179 ' +
    'ad=ad ae=17d af=17b b0=b0 b1=105 b2=2db b3=142 b4=b4 b5=13e b6=15b b7=2c7 b8=b8 b9=161 ' +
    'ba=15f bb=165 bc=17a bd=2dd be=17e bf=17c c0=154 c1=c1*2 c3=102 c4=c4 c5=139 c6=106 ' +
    'c7=c7 c8=10c c9=c9 ca=118 cb=cb cc=11a cd=cd*2 cf=10e d0=110 d1=143 d2=147 d3=d3*2 ' +
    'd5=150 d6=d6*2 d8=158 d9=16e da=da db=170 dc=dc*2 de=162 df=df e0=155 e1=e1*2 e3=103 ' +
    'e4=e4 e5=13a e6=107 e7=e7 e8=10d e9=e9 ea=119 eb=eb ec=11b ed=ed*2 ef=10f f0=111 f1=144 ' +
    'f2=148 f3=f3*2 f5=151 f6=f6*2 f8=159 f9=16f fa=fa fb=171 fc=fc*2 fe=163 ff=2d9',
  latin5: '80=80*80 d0=11e d1=d1*12 dd=130 de=15e df=df*17 f0=11f f1=f1*12 fd=131 fe=15f ff=ff',
  latin7:
    '80=80*33 a1=201d a2=a2*3 a5=201e a6=a6*2 a8=d8 a9=a9 aa=156 ab=ab*4 af=c6 b0=b0*4 ' +
    'b4=201c b5=b5*3 b8=f8 b9=b9 ba=157 bb=bb*4 bf=e6 c0=104 c1=12e c2=100 c3=106 c4=c4*2 ' +
    'c6=118 c7=112 c8=10c c9=c9 ca=179 cb=116 cc=122 cd=136 ce=12a cf=13b d0=160 d1=143 ' +
    'd2=145 d3=d3 d4=14c d5=d5*3 d8=172 d9=141 da=15a db=16a dc=dc dd=17b de=17d df=df e0=105 ' +
    'e1=12f e2=101 e3=107 e4=e4*2 e6=119 e7=113 e8=10d e9=e9 ea=17a eb=117 ec=123 ed=137 ' +
    'ee=12b ef=13c f0=161 f1=144 f2=146 f3=f3 f4=14d f5=f5*3 f8=173 f9=142 fa=15b fb=16b ' +
    'fc=fc fd=17c fe=17e ff=2019',
  macce:
    '80=c4 81=100*2 83=c9 84=104 85=d6 86=dc 87=e1 88=105 89=10c 8a=e4 8b=10d 8c=106*2 8e=e9 ' +
    '8f=179*2 91=10e 92=ed 93=10f 94=112*2 96=116 97=f3 98=117 99=f4 9a=f6 9b=f5 9c=fa ' +
    '9d=11a*2 9f=fc a0=2020 a1=b0 a2=118 a3=a3 a4=a7 a5=2022 a6=b6 a7=df a8=ae a9=a9 aa=2122 ' +
    'ab=119 ac=a8 ad=2260 ae=123 af=12e*2 b1=12a b2=2264*2 b4=12b b5=136 b6=2202 b7=2211 ' +
    'b8=142 b9=13b*4 bd=139*2 bf=145*2 c1=143 c2=ac c3=221a c4=144 c5=147 c6=2206 c7=ab c8=bb ' +
    'c9=2026 ca=a0 cb=148 cc=150 cd=d5 ce=151 cf=14c d0=2013*2 d2=201c*2 d4=2018*2 d6=f7 ' +
    'd7=25ca d8=14d d9=154*2 db=158 dc=2039*2 de=159 df=156*2 e1=160 e2=201a e3=201e e4=161 ' +
    'e5=15a*2 e7=c1 e8=164*2 ea=cd eb=17d*2 ed=16a ee=d3*2 f0=16b f1=16e f2=da f3=16f*5 f8=dd ' +
    'f9=fd fa=137 fb=17b fc=141 fd=17c fe=122 ff=2c7',
  macroman:
    '80=c4*2 82=c7 83=c9 84=d1 85=d6 86=dc 87=e1 88=e0 89=e2 8a=e4 8b=e3 8c=e5 8d=e7 8e=e9 ' +
    '8f=e8 90=ea*2 92=ed 93=ec 94=ee*2 96=f1 97=f3 98=f2 99=f4 9a=f6 9b=f5 9c=fa 9d=f9 ' +
    '9e=fb*2 a0=2020 a1=b0 a2=a2*2 a4=a7 a5=2022 a6=b6 a7=df a8=ae a9=a9 aa=2122 ab=b4 ac=a8 ' +
    'ad=2260 ae=c6 af=d8 b0=221e b1=b1 b2=2264*2 b4=a5 b5=b5 b6=2202 b7=2211 b8=220f b9=3c0 ' +
    'ba=222b bb=aa bc=ba bd=3a9 be=e6 bf=f8 c0=bf c1=a1 c2=ac c3=221a c4=192 c5=2248 c6=2206 ' +
    'c7=ab c8=bb c9=2026 ca=a0 cb=c0 cc=c3 cd=d5 ce=152*2 d0=2013*2 d2=201c*2 d4=2018*2 d6=f7 ' +
    'd7=25ca d8=ff d9=178 da=2044 db=20ac dc=2039*2 de=fb01*2 e0=2021 e1=b7 e2=201a e3=201e ' +
    'e4=2030 e5=c2 e6=ca e7=c1 e8=cb e9=c8 ea=cd*3 ed=cc ee=d3*2 f0=f8ff f1=d2 f2=da*2 f4=d9 ' +
    'f5=131 f6=2c6 f7=2dc f8=af f9=2d8*3 fc=b8 fd=2dd fe=2db ff=2c7',
  swe7: '40=c9 5b=c4 5c=d6 5d=c5 5e=dc 60=e9 7b=e4 7c=f6 7d=e5 7e=fc 7f=3f',
  tis620:
    '80=80*32 a0=fffd a1=e01*58 db=fffd dc=fffd dd=fffd de=fffd df=e3f*29 fc=fffd fd=fffd ' +
    'fe=fffd ff=fffd',
};
