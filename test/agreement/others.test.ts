import {testAgreement} from './groups.ts'

testAgreement('others')
