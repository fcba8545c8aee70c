import {testAgreement} from './groups.ts'

testAgreement('blocked')
