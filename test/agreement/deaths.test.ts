import {testAgreement} from './groups.ts'

testAgreement('deaths')
