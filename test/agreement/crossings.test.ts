import {testAgreement} from './groups.ts'

testAgreement('crossings')
