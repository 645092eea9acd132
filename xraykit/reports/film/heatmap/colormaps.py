"""Colour maps for heatmaps: sequential, monotone in luminance, readable without red-green vision.

inferno, magma and viridis: Stefan van der Walt and Nathaniel Smith, CC0. cividis: Nunez, Anderton and Renslow
2018 (doi 10.1371/journal.pone.0199239), CC0. The tables are Matplotlib 3.11's, rounded to 8 bits.
"""

from __future__ import annotations

import base64
from functools import cache

import numpy as np

NAMES = ("inferno", "magma", "cividis", "viridis")


@cache
def table(name: str) -> np.ndarray:
    """The 256 colours of a map, low to high, uint8 (256, 3) RGB; raises ValueError for an unknown name."""
    if name not in _TABLES:
        raise ValueError(f"Expected one of the colour maps {', '.join(NAMES)}; got {name!r}.")
    colours = np.frombuffer(base64.b85decode("".join(_TABLES[name].split())), dtype=np.uint8).reshape(256, 3)
    colours.flags.writeable = False
    return colours


def colour(heat: np.ndarray, name: str) -> np.ndarray:
    """Colours float32 (..., 3) in 0..255 of heat in 0..1."""
    return table(name)[np.clip(np.rint(heat * 255), 0, 255).astype(np.intp)].astype(np.float32)


_TABLES = {
    "inferno": r"""
        000C500jX71_1#G0s#sF0t^BI4g&%Z1OpNT0~7@W7X}0w2L&4l1sw?n9|{K|3kM_&2qp~(DGmuM5D6_23NR81G879m6$>{O3
        pp4JJQ)l=8w^1l3_~6aMIQ`EAq+|*3``^pPbLgeC<{|53sox%S1k)!FA7^R3S2S@UNj0{HVI)k31T@3V>=0CJqcw#31&bFXF
        >{SL<(p{3Ta0RYDo)fN(^gE3~NmdY)=hrQ4VZU4sBEqZB-9#R}gMl5N=u#Zd?*>T@r3z6K-J>ZekQ}WEE~@6>eu1ZfO>7Y8P
        &77;bGCZf_ZGaT#uM8g6tNZgm@OcN}ea9Bq0XZG0VVeI9Lp9&CUgY=R(cgdl5$A!~;rYltFhiXv)^BWaBzX^$jnkR@o6C1{f
        -XO$*rmnUYJCuW)`Wt%Bvohf9WDr2B3W1=f!qby;iEMTTBV5lx%sV-itFJ7%MU9K=(urXV)GFr1TTC_7+wlr9`HCMScR=PG-
        yf;+6I8(nlQouS<!8%aGJ5R(sPR2b=$39HRKTFC$O3Oh>%tA=cLr2d<M$kn?(ndtnM?=&|Le)w^*GoUxOg`C7J=#t@+fX~*Q
        99mIINwt@;8ix^RyE>RG~-z_<XSQ1TrlQcFXvt^=wL1BVJqrmD(hq^>t-nIXD01wCGKh@?`$LQZXxh*An|b@@pB#WbR6?`8}
        oP>^m!Qddl&V67507<_J9-jf)e+H5cq`;_=gVoi46IR3;B!+`Hl(tkO=yc2l|u;`<4d#mj?Tp2K$=^`<(~;p9lP*2>hc7{G|
        %~rVRY34g9JP{HziDt`hvP6#TLl{InSRwi^4m9s9Z;`@A9hz9ag;Ci=oC`ot>w#x42BFZszb`O7u<%{TbZI``2%_tQZ3)kF5
        zM)lcA_1jGJ-B0x2Q}p3h^W$3c<z4dTVe;r@^6F{v>}~Pwaq;hU@$q@`@_q93g7fu;^Y)7L_>T4YlJ@$R`1_jq{GIy!q5S`(
    """,
    "magma": r"""
        000C500jX71_1#G0s#pE0t*5H4FdxY0|OES1QZ1X76t_v1_c@i1{??n9tj5^3J4+#2_y^&CJhQH4ht&~3oQ{0FA@zg6Ad&J4
        mK4II2I2(7!N%e5I-6aLL3l89T7(!5lJ8sOCb?XA`ws|5>q7-RVNZyDG^#K5nL=0Uo8<~FA-xg5oI$FXEYFLHV|t#5NtUQZa
        WWfJr8j|4{|^cbV3hxL=SdF5O+rqcu5d=N)UNW5qeG$druO3Q4)Mo6MR$?eO45GR~3F)6@FS4eq0uRT^D~}7=K_GfMOYdWEy
        ~F8h~dTfM^_nY8-)U9f55ffo>jwa36tkAAxfqfpsB)b|HayB7u1#f_o!^d?SK>B!Yk?f`KK0gC>E5CV_@0frux8i70`KDS?b
        BfsQJHkSc+ZD}j?MfRrqNmMnmnEr6LVfSWFVoGyQ!FMpsff1xmbqcDD@F@B~oeW)^hsxy77GkmQye6BQmur+(KHG8u*dbKus
        w>NpXH+i}^c)U4yy*YQkI(NW2cEUS##5{GyJaorBbI3k(%06<;KXJ`KanC?-&_Qp~LT}SUZq-C>)<taCMQqtdYuiU^+(>EON
        oe0nXy8m|;!S4bPG#gzWaUs~=Tc+nQ)1~<V(M05>sMgxSYYj1U+!C8?_FN-UtaNGUGidG@?>1|WnA=UT=Z#N^=n-AY+UwkT=
        #HX_i|kLbX@p$T={ri`FUOWdtLf{UiyDt`hj2jgJ1iFVEcz*{E1=wiemhXWBiU}{E%h+l4kvsXZ@CF{g`R}nri)<YyO>V{-1
        6Bp>F=8Z~mom{-<*OsdN6SbpEV%{;qfauz3Emdj7O~{<eJnw|@S)fBw6H{=I_!zl8q5h5o{a{=|s>#)|&PjQ+}v{>+d5&5-`
        jlK#<@{?nEI)tCO)nf}<C{o0)U+@Ag3p#9*X{o<qj<E8!Or~T)t{pqUx>#Y3juKez>{P42;^0fT)w*2<E{P(&1`Mdo4z5M;Z
    """,
    "viridis": r"""
        L;+Mp0#-!?S49O`Mh99(2wX-AT}BIDM-5;{4q-<SV@DBWM-yd86lX{lXh;`nNEm8J8f-`#ZAct$NF8rTA8<$@aY!L^NF#JeB
        y~t7c1R|7NGNznDS1aKdPgjJM=g6tE__EXeMT^TMlyazGk-=jfJHTdMK^&(ID$kugG4%mL_35-J%mF(g+f1tLO_N>L54v>he
        1S#Kt+f^Mu<O0h(Ab)K1qo_N{K#9iakw=Jx+=|Pl`NHi#t(^J5q}}Q;RxOj5$?|IaZ7~Sd2JXj5k`0H(QN1T#YtejWu44HD8
        T1V2w0kjWc46Gh>Z1WR5arjxlDAF=vi3XpS&xjxcJDFKdo3Y>qB%jxKJFE^m%4aE>i;jx2GGEOL%4bB-%?jw^MJDt3-4caAD
        }jwyMLDSD16dyXi4jwpSOCw`76e~u@BjwXSQCW4M8f{rDFjwOVSC54V8hK?kMjw6VUBZ-b9ij5+RjUtSVB8`n9j*TIYjUkYY
        A(4zAl8hjdj3ASYAC!zAm5U#iiyxPZADD|DnTj8piXNMa9-N6Dorxcwi65VcAE1aIp@<)$haaMcAftvLq=q4-g(0SeBBzBSs
        DvY_gCwehC98rZtb!)3fhVnjD6W7huYW4Ae=M<nEwX(svwSbKd@;3qGPZg&ws|$Tc{jLtIJtK^x^_Febv?XvKfH55y>ddnaY
        VmxM!;`K!EQ>yZA`*!PQz<Z#A;H-X;j5%R>o&o$7Nc`WL(H&Uddu$%3x#5UuDZ)XUtq_&0B2ET5ir*aL-qB&{lQORCm!+deK
        pQ(olcXPJz=+gw#uh)k%rfNQ>4+j@Ctx*F%%nL6z7*nAkp>**u-uJD}P*qS`m5+cv1%G^*S(t=urM-7m7;Ew$b&xZWwc-YC7
        _Ccxh%!rvps;33H1Aj;t%&EXx;;T+Q98`a_(*y0)5;~CxK7~kU<;^Y|R<QeDW8S3R4?ByHp<s9+l9rWfN_U0h?<{|s%BmL(k
    """,
    "cividis": r"""
        03uERBToP%Q2-@V03}oaCRP9^SO6$l04Q4kDO~_6UjQm$04rhuEMx#IW&kZ{04{0(E^GiVZ2&ND05EU>F>nAeaRD-M1v7C7G
        jI$va1S+b5;brXHgFa<a2Pjl8aQtpId2|1Zy-8vAv<m(JZ>aBZYDi$Cq8Z|KW-{NZ7V=+EkSKAL2WNWZ81Y_GDB@ML~S%hY&
        At}Hb!hXM{GGrY&uA6J4tLjN^Ct!Y(7hDKTK>uOl(0-Y(h?KLr!c&Pi#d{Y(`ORM^S7@Qfx_6Y)VsXOH^!3RcuXFY))2ePgi
        VES8P#OZBkinQ(A3QT5VNZZB<-tR$OgYU2RxiZCPG!T3>EkU~XJtZe3w+USe)uV{cz$Z(w9^VP$V(Wp86<aAaq2WoU3^XmDm
        }aA#_9Xlik3YjJ99acgaIY;AIEZgOpJa&B*PZ*X&PadUBUbaHZZa&vTZbaixeb#--hc6N4mcXoGocX)Vrd3kqwdU$(!czk<!
        eSCO+e0Y9+cz=F)fPZ*_e|Um`d4qv@go1g6f_a96d545}h=q8Gg?NgFc#DU4jEH!Rh<J{Pc#n#Bkc)Vci+GZZc#@5Hla6?lj
        (3%hcb1TMmyvgvl6RSscbb!So0N8(m3Ez#cAl1YpO<x@n029<b)uPdqndQ2n{=g|bf%nir=4@Co^z?6bE=?otDthMp>nOFa;
        ~FsucUFXrE#&PaI>axw5M;isBgBZZ?~y#xT<cst8KchZM&^)ysm7$u57-qYrn8-z_Dt<vTDM!X~VN=#I$I|wP?n+XUDf^$hc
        <7xn;|_Wz4!{&AVgHykpP3V$i-~(Z6BRz+ltBU(~^0)xuuZ!(G?JT-n83+QwVk$6DOTS>4E3-pN?s%2(jaR^iN5;>}d#&Qs;
        jQs&T6=h0B;(ogBrPU_Q4>(oo_)k^NxN$=N4@YqK2*+uf&MDyE1_1r=B-9Pu<KKS1}`QSSH;W+%_HvQu?{^T_N<u(51HvZ^1
    """,
}
